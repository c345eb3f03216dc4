//! Clients that others wrote: bollard, and Python's docker package.

use std::{path::Path, process::Command, time::Duration};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    models::{
        SecretSpec, ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated, TaskSpec,
        TaskSpecContainerSpec, TaskSpecContainerSpecFile, TaskSpecContainerSpecSecrets,
    },
    query_parameters::{
        ListNodesOptions, ListSecretsOptions, ListServicesOptions, ListTasksOptions,
        UpdateServiceOptionsBuilder,
    },
};
use shoal_tests::Cluster;

const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until it is so.
async fn until<F: Future<Output = bool>>(what: &str, look: impl Fn() -> F) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !look().await {
        assert!(
            tokio::time::Instant::now() < end,
            "not within {PATIENCE:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn service(secret: &str, release: u32) -> ServiceSpec {
    let secret = TaskSpecContainerSpecSecrets {
        file: Some(TaskSpecContainerSpecFile {
            name: Some("rust".into()),
            uid: Some("0".into()),
            gid: Some("0".into()),
            mode: Some(0o400),
        }),
        secret_id: Some(secret.to_owned()),
        secret_name: Some("rust".into()),
    };
    let container = TaskSpecContainerSpec {
        image: Some("scratch".into()),
        command: Some(["sleep", "100000"].map(str::to_owned).to_vec()),
        env: Some(vec![format!("RELEASE={release}")]),
        secrets: Some(vec![secret]),
        ..TaskSpecContainerSpec::default()
    };
    ServiceSpec {
        name: Some("rs".into()),
        task_template: Some(TaskSpec {
            container_spec: Some(container),
            ..TaskSpec::default()
        }),
        mode: Some(ServiceSpecMode {
            replicated: Some(ServiceSpecModeReplicated { replicas: Some(3) }),
            ..ServiceSpecMode::default()
        }),
        ..ServiceSpec::default()
    }
}

#[test]
fn bollard_drives_a_cluster() {
    let cluster = Cluster::of(3);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let socket = cluster[1].docker_host();
    runtime.block_on(async {
        let docker = Docker::connect_with_unix(&socket, 30, API_DEFAULT_VERSION).unwrap();
        let docker = docker.negotiate_version().await.unwrap();
        let nodes = docker.list_nodes(None::<ListNodesOptions>).await.unwrap();
        assert_eq!(nodes.len(), 3);
        docker
            .inspect_node(nodes[0].id.as_deref().unwrap())
            .await
            .unwrap();
        let swarm = docker.inspect_swarm().await.unwrap();
        assert!(
            swarm
                .join_tokens
                .unwrap()
                .worker
                .unwrap()
                .starts_with("SHOAL-1-")
        );

        let secret = SecretSpec {
            name: Some("rust".into()),
            data: Some("cnVzdA==".into()),
            ..SecretSpec::default()
        };
        let secret = docker.create_secret(secret).await.unwrap().id;
        let secrets = docker
            .list_secrets(None::<ListSecretsOptions>)
            .await
            .unwrap();
        assert_eq!(secrets.len(), 1);
        let made = docker
            .create_service(service(&secret, 1), None)
            .await
            .unwrap();
        let id = made.id.unwrap();
        let all_run = || async {
            let tasks = docker.list_tasks(None::<ListTasksOptions>).await.unwrap();
            let states = tasks.iter().filter_map(|task| task.status.as_ref()?.state);
            states
                .filter(|state| state.to_string() == "running")
                .count()
                == 3
        };
        until("three tasks", all_run).await;

        let known = docker.inspect_service(&id, None).await.unwrap();
        let version = known.version.unwrap().index.unwrap();
        let options = |version: u64| {
            let version = i32::try_from(version).unwrap();
            UpdateServiceOptionsBuilder::default()
                .version(version)
                .build()
        };
        docker
            .update_service("rs", service(&secret, 2), options(version), None)
            .await
            .unwrap();
        let again = docker
            .update_service("rs", service(&secret, 3), options(version), None)
            .await;
        assert!(again.unwrap_err().to_string().contains("out of sequence"));
        until("the update", || async {
            let now = docker.inspect_service(&id, None).await.unwrap();
            let state = now.update_status.and_then(|status| status.state);
            state.is_some_and(|state| state.to_string() == "completed")
        })
        .await;
        docker.delete_service("rs").await.unwrap();
        let services = docker
            .list_services(None::<ListServicesOptions>)
            .await
            .unwrap();
        assert!(services.is_empty());
        docker.delete_secret("rust").await.unwrap();
    });
}

/// Where `tests/run` puts Python's docker package if the machine has none.
fn packages() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.join("target/python").display().to_string()
}

#[test]
fn python_drives_a_cluster() {
    let python = |arguments: &[&str]| {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", packages()).args(arguments);
        command.output()
    };
    if !python(&["-c", "import docker"]).is_ok_and(|output| output.status.success()) {
        println!("skipped: Python's docker package (pip install docker)");
        return;
    }
    let cluster = Cluster::of(3);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/swarm.py");
    let output = python(&[&script.display().to_string(), &cluster[0].docker_host()]);
    let output = output.expect("python3");
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim(), "fine", "{error}");
}
