//! What this runtime does not run, and what it says.

use shoal_scheduler::spec::{Healthcheck, Mount, SecretFile, ServiceSpec, Ulimit};

use crate::machine::{Machine, shell};

/// Starts the task that `change` makes of a good one, and returns the reason of its refusal.
async fn refusal(change: impl FnOnce(&mut ServiceSpec)) -> String {
    let mut machine = Machine::new();
    let mut spec = shell("exit 0");
    change(&mut spec);
    let task = machine.start(spec);
    machine.refusal(task).await
}

#[tokio::test]
async fn an_image_needs_an_engine() {
    let reason = refusal(|spec| spec.task_template.container_spec.image = "nginx:latest".into());
    assert_eq!(
        reason.await,
        "image nginx:latest needs a container engine, and this node has none"
    );
}

#[tokio::test]
async fn a_command_that_is_not_there_is_named_with_the_path() {
    let reason = refusal(|spec| {
        let container = &mut spec.task_template.container_spec;
        container.command = vec!["no-such-program".into()];
        container.env = vec!["PATH=/nowhere:/bin".into()];
    });
    assert_eq!(
        reason.await,
        "executable not found: no-such-program (looked in PATH=/nowhere:/bin)"
    );
}

#[tokio::test]
async fn a_program_that_the_kernel_does_not_start_is_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program");
    std::fs::write(&file, "#!/no/such/interpreter\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&file, mode).unwrap();
    let command = file.to_str().unwrap().to_owned();
    let reason = refusal(|spec| spec.task_template.container_spec.command = vec![command]).await;
    assert!(reason.starts_with("can't execute /"), "{reason}");
}

#[tokio::test]
async fn mounts_need_an_engine_and_secrets_their_place() {
    let reason = refusal(|spec| {
        spec.task_template.container_spec.mounts = vec![Mount::default()];
    });
    assert!(reason.await.starts_with("mounts need a container engine"));
    let reason = refusal(|spec| {
        spec.task_template.container_spec.secrets = vec![SecretFile::default()];
    });
    assert!(
        reason
            .await
            .starts_with("secrets and configs of the task are not in their place")
    );
}

#[tokio::test]
async fn surroundings_must_exist() {
    let reason = refusal(|spec| spec.task_template.container_spec.dir = "/no/such".into());
    assert_eq!(
        reason.await,
        "working directory /no/such does not exist on this node"
    );
    let reason = refusal(|spec| spec.task_template.container_spec.user = "no-such-user".into());
    assert_eq!(reason.await, "unknown user \"no-such-user\" on this node");
}

#[tokio::test]
async fn nonsense_is_refused_by_name() {
    let reason = refusal(|spec| spec.task_template.container_spec.stop_signal = "SIGNOPE".into());
    assert!(reason.await.contains("SIGNOPE"));
    let reason = refusal(|spec| {
        spec.task_template.container_spec.ulimits = vec![Ulimit {
            name: "nope".into(),
            ..Ulimit::default()
        }];
    });
    assert!(reason.await.contains("nope"));
    let reason = refusal(|spec| {
        spec.task_template.container_spec.healthcheck = Some(Healthcheck {
            test: vec!["curl".into(), "x".into()],
            ..Healthcheck::default()
        });
    });
    assert!(reason.await.contains("curl"));
    let reason = refusal(|spec| spec.task_template.container_spec.command = vec!["a\0b".into()]);
    assert!(reason.await.contains("executable not found"));
    let reason = refusal(|spec| spec.task_template.container_spec.args = vec!["a\0b".into()]);
    assert!(reason.await.contains("nul byte"));
}
