//! What commands send.

use std::{path::Path, process::ExitCode};

use serde_json::{Value, json};

use super::fake::{Ended, Fake, data, run_with};
use crate::cli::{Entry, FilePlan, StackPlan};

fn body(fake: &Fake, request: &str) -> Value {
    let seen = fake.seen();
    let (_, body) = seen
        .iter()
        .find(|(line, _)| line.starts_with(request))
        .unwrap_or_else(|| panic!("{request} was not sent: {seen:?}"));
    serde_json::from_str(body).unwrap()
}

#[test]
fn create_sends_what_docker_sends() {
    let fake = Fake::start(vec![(
        "POST",
        "/services/create",
        201,
        br#"{"ID":"s1"}"#.to_vec(),
    )]);
    let line = "service create -d --name w1 --replicas 2 --publish 8080:80 --env A=1 \
                --hostname h --label app=x --container-label cl=1 --constraint node.role==manager \
                --mount type=volume,source=v1,target=/data --limit-memory 64m --reserve-cpu 0.1 \
                --restart-delay 1s --update-delay 1s --update-failure-action rollback \
                --stop-grace-period 1s --health-cmd true --health-interval 2s --write-concern one \
                busybox:latest sh -c --x";
    let ended = fake.run(&line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (ExitCode::SUCCESS, "s1\n"),
        "{ended:?}"
    );
    let expected = json!({
        "Name": "w1",
        "Labels": {"app": "x"},
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "busybox:latest", "Labels": {"cl": "1"}, "Args": ["sh", "-c", "--x"],
                "Hostname": "h", "Env": ["A=1"], "StopGracePeriod": 1_000_000_000,
                "Mounts": [{"Type": "volume", "Source": "v1", "Target": "/data"}],
                "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 2_000_000_000},
            },
            "Resources": {"Limits": {"MemoryBytes": 67_108_864},
                          "Reservations": {"NanoCPUs": 100_000_000}},
            "RestartPolicy": {"Condition": "any", "Delay": 1_000_000_000, "MaxAttempts": 0},
            "Placement": {"Constraints": ["node.role==manager"]},
            "ForceUpdate": 0,
        },
        "Mode": {"Replicated": {"Replicas": 2}},
        "UpdateConfig": {"Parallelism": 1, "Delay": 1_000_000_000, "FailureAction": "rollback",
                         "Monitor": 5_000_000_000_u64, "MaxFailureRatio": 0,
                         "Order": "stop-first"},
        "EndpointSpec": {"Mode": "vip", "Ports": [{"Protocol": "tcp", "TargetPort": 80,
                         "PublishedPort": 8080, "PublishMode": "ingress"}]},
    });
    assert_eq!(
        body(&fake, "POST /services/create?write-concern=one"),
        expected
    );
}

#[test]
fn networks_are_made_listed_and_removed() {
    let list = json!([
        {"Name": "b", "Id": "2zyxwvutsrqponmlkjihgfedc", "Driver": "overlay", "Scope": "swarm"},
        {"Name": "a\u{1b}[2J", "Id": "1zyxwvutsrqponmlkjihgfedc", "Driver": "overlay", "Scope": "swarm"},
    ]);
    let fake = Fake::start(vec![
        (
            "POST",
            "/networks/create",
            201,
            br#"{"Id":"n1","Warning":""}"#.to_vec(),
        ),
        ("GET", "/networks", 200, list.to_string().into_bytes()),
        ("DELETE", "/networks/a", 204, Vec::new()),
    ]);
    let line = "network create --attachable --subnet 10.1.0.0/24 --gateway 10.1.0.1 --subnet fd00::/64 \
                --label app=x --opt encrypted=true --write-concern one a";
    let made = fake.run(&line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(
        (made.code, made.stdout.as_str()),
        (ExitCode::SUCCESS, "n1\n"),
        "{made:?}"
    );
    let expected = json!({
        "Name": "a", "Driver": "overlay", "EnableIPv6": false, "Internal": false, "Attachable": true,
        "Ingress": false, "Labels": {"app": "x"}, "Options": {"encrypted": "true"},
        "IPAM": {"Driver": "default", "Options": {}, "Config": [
            {"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1"}, {"Subnet": "fd00::/64"}]},
    });
    assert_eq!(
        body(&fake, "POST /networks/create?write-concern=one"),
        expected
    );
    let listed = fake.run(&["network", "ls", "--filter", "driver=overlay"]);
    let table = "NETWORK ID     NAME      DRIVER    SCOPE\n\
                 1zyxwvutsrqp   a [2J     overlay   swarm\n\
                 2zyxwvutsrqp   b         overlay   swarm\n";
    assert_eq!(listed.stdout, table);
    let removed = fake.run(&["network", "rm", "a", "nobody"]);
    assert_eq!(
        (removed.code, removed.stdout.as_str()),
        (ExitCode::FAILURE, "a\n"),
        "{removed:?}"
    );
    let astray = fake.run(&[
        "network",
        "create",
        "--subnet",
        "10.1.0.0/24",
        "--gateway",
        "10.1.0.1",
        "--gateway",
        "10.2.0.1",
        "a",
    ]);
    assert_eq!(astray.code, ExitCode::from(2), "{astray:?}");
}

#[test]
fn update_changes_only_what_is_named() {
    let fake = Fake::start(vec![
        ("GET", "/services/w1", 200, data("service_w1.json")),
        (
            "POST",
            "/services/3mwsnesqyk39lsta3qzit5m28/update",
            200,
            br#"{"Warnings":["held by 1 node"]}"#.to_vec(),
        ),
    ]);
    let line = "service update -d --env-add X=1 --env-rm N --publish-rm 80 --force \
                --mount-rm /data --replicas 3 w1";
    let ended = fake.run(&line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(ended.stdout, "w1\n", "{ended:?}");
    assert_eq!(ended.stderr, "warning: held by 1 node\n");
    let service: Value = serde_json::from_slice(&data("service_w1.json")).unwrap();
    let mut expected = service["Spec"].clone();
    expected["TaskTemplate"]["ContainerSpec"]["Env"] = json!(["X=1"]);
    expected["TaskTemplate"]["ContainerSpec"]["Mounts"] = json!([]);
    expected["TaskTemplate"]["ForceUpdate"] = json!(1);
    expected["Mode"]["Replicated"]["Replicas"] = json!(3);
    let kept = expected["EndpointSpec"]["Ports"][1].clone();
    expected["EndpointSpec"]["Ports"] = json!([kept]);
    assert_eq!(
        body(
            &fake,
            "POST /services/3mwsnesqyk39lsta3qzit5m28/update?version=51"
        ),
        expected
    );
}

#[test]
fn a_node_is_drained_and_labelled() {
    let node = br#"{"ID":"n1","Version":{"Index":7},
                    "Spec":{"Role":"manager","Availability":"active","Labels":{"a":"1"}}}"#;
    let fake = Fake::start(vec![
        ("GET", "/nodes/pi", 200, node.to_vec()),
        ("POST", "/nodes/n1/update", 200, Vec::new()),
    ]);
    let drain = [
        "node",
        "update",
        "--availability",
        "drain",
        "--label-add",
        "b=2",
        "pi",
    ];
    let ended = fake.run(&drain);
    assert_eq!(ended.stdout, "pi\n", "{ended:?}");
    assert_eq!(
        body(&fake, "POST /nodes/n1/update?version=7"),
        json!({"Role": "manager", "Availability": "drain", "Labels": {"a": "1", "b": "2"}})
    );
    let ended = fake.run(&["node", "update", "--label-rm", "zz", "pi"]);
    assert_eq!(ended.stderr, "key zz doesn't exist in node's labels\n");
}

#[test]
fn warnings_of_an_answer_without_a_body_are_shown() {
    let fake = Fake::start(vec![("DELETE", "/services/warned", 200, Vec::new())]);
    let ended = fake.run(&["service", "rm", "warned"]);
    assert_eq!(
        (ended.stdout.as_str(), ended.stderr.as_str()),
        ("warned\n", "warning: held by 1 node\n")
    );
}

fn file(is_secret: bool, name: &str, file: &str) -> FilePlan {
    FilePlan {
        is_secret,
        name: name.to_owned(),
        file: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)),
        ..FilePlan::default()
    }
}

fn plan(names: &[&str]) -> StackPlan {
    let services = names.iter().map(|name| {
        let mut spec =
            json!({"Name": format!("app_{name}"), "Mode": {"Replicated": {"Replicas": 1}}});
        if *name == "new" {
            spec["TaskTemplate"] = json!({"ContainerSpec": {
                "Secrets": [{"SecretID": "", "SecretName": "app_known"}],
                "Configs": [{"ConfigID": "", "ConfigName": "app_fresh"}],
            }});
        }
        ((*name).to_owned(), spec)
    });
    StackPlan {
        files: vec![
            file(true, "app_known", "Cargo.toml"),
            file(false, "app_fresh", "Cargo.toml"),
        ],
        services: services.collect(),
        networks: vec![
            ("app_old".into(), Some(json!({ "Name": "app_old" }))),
            ("app_new".into(), Some(json!({ "Name": "app_new" }))),
            ("host".into(), None),
        ],
        config: String::new(),
        warnings: vec!["compose.yml:3: x is ignored".into()],
    }
}

fn deploy(fake: &Fake, options: &[&str]) -> Ended {
    let entry = Entry {
        load_stack: Some(|_, _| Ok(plan(&["new", "same", "web"]))),
        ..Entry::default()
    };
    let line = [&["stack", "deploy", "-c", "compose.yml"], options, &["app"]].concat();
    run_with(&entry, &fake.host(), &line)
}

fn stack(tasks: &str, update: &'static [u8]) -> Fake {
    let service = |name: &str, replicas: u64| {
        json!({"ID": format!("id_{name}"), "Version": {"Index": 5},
               "Spec": {"Name": format!("app_{name}"),
                        "Mode": {"Replicated": {"Replicas": replicas}}}})
    };
    let all = json!([
        service("same", 1),
        service("web", 9),
        service("old", 1),
        service("new", 1)
    ]);
    let before = json!([service("same", 1), service("web", 9), service("old", 1)]);
    Fake::start(vec![
        ("GET", "/services", 200, all.to_string().into()),
        (
            "GET",
            "/services?filters=%7B%22label%22%3A%7B%22com.docker.stack.namespace%3Dapp%22%3Atrue%7D\
             %7D",
            200,
            before.to_string().into(),
        ),
        (
            "GET",
            "/networks",
            200,
            br#"[{"Name":"app_old","Id":"net_old"}]"#.to_vec(),
        ),
        (
            "POST",
            "/networks/create",
            201,
            br#"{"Id":"net_new"}"#.to_vec(),
        ),
        (
            "GET",
            "/secrets",
            200,
            br#"[{"ID":"id_known","Version":{"Index":3},"Spec":{"Name":"app_known"}}]"#.to_vec(),
        ),
        ("POST", "/secrets/id_known/update", 200, Vec::new()),
        ("GET", "/configs", 200, b"[]".to_vec()),
        (
            "POST",
            "/configs/create",
            201,
            br#"{"ID":"id_fresh"}"#.to_vec(),
        ),
        ("DELETE", "/secrets/id_known", 204, Vec::new()),
        ("DELETE", "/networks/net_old", 204, Vec::new()),
        ("DELETE", "/services/id_same", 200, Vec::new()),
        ("DELETE", "/services/id_web", 200, Vec::new()),
        ("GET", "/tasks", 200, tasks.into()),
        (
            "POST",
            "/services/create",
            201,
            br#"{"ID":"id_new"}"#.to_vec(),
        ),
        ("POST", "/services/id_web/update", 200, update.to_vec()),
        ("DELETE", "/services/id_old", 200, Vec::new()),
    ])
}

#[test]
fn a_deploy_writes_only_what_changed() {
    let fake = stack("[]", b"{}");
    let ended = deploy(&fake, &["--prune", "--write-concern", "majority"]);
    assert_eq!(ended.code, ExitCode::SUCCESS, "{ended:?}");
    insta::assert_snapshot!(ended.stdout, @r"
    Removing service app_old
    Creating network app_new
    Creating config app_fresh
    Creating service app_new
    Updating service app_web (id: id_web)
    ");
    assert_eq!(ended.stderr, "warning: compose.yml:3: x is ignored\n");
    let writes = fake
        .seen()
        .into_iter()
        .filter(|(line, _)| !line.starts_with("GET"));
    let writes: Vec<String> = writes.map(|(line, _)| line).collect();
    assert_eq!(
        writes,
        [
            "DELETE /services/id_old?write-concern=majority",
            "POST /networks/create?write-concern=majority",
            "POST /secrets/id_known/update?version=3&write-concern=majority",
            "POST /configs/create?write-concern=majority",
            "POST /services/create?write-concern=majority",
            "POST /services/id_web/update?version=5&write-concern=majority",
        ]
    );
    let seen = fake.seen();
    let made = seen
        .iter()
        .find(|(line, _)| line.starts_with("POST /services/create"));
    let (_, made) = made.unwrap();
    assert!(made.contains(r#""SecretID":"id_known""#), "{made}");
    assert!(made.contains(r#""ConfigID":"id_fresh""#), "{made}");
}

#[test]
fn a_stack_goes_with_its_networks() {
    let fake = stack("[]", b"{}");
    let ended = fake.run(&["stack", "rm", "app"]);
    assert_eq!(ended.code, ExitCode::SUCCESS, "{ended:?}");
    insta::assert_snapshot!(ended.stdout, @r"
    Removing service app_old
    Removing service app_same
    Removing service app_web
    Removing secret app_known
    Removing network app_old
    ");
}

#[test]
fn waiting_ends_when_all_runs() {
    let task = |name: &str, slot: u64| {
        json!({"ServiceID": format!("id_{name}"), "Slot": slot, "DesiredState": "running",
               "Status": {"State": "running"}})
    };
    let mut tasks = vec![task("new", 1), task("same", 1)];
    tasks.extend((1..=9).map(|slot| task("web", slot)));
    let fake = stack(&json!(tasks).to_string(), b"{}");
    let ended = deploy(&fake, &["--wait"]);
    assert_eq!(ended.code, ExitCode::SUCCESS, "{ended:?}");
    assert!(
        ended.stderr.ends_with("all 3 services converged\n"),
        "{ended:?}"
    );
}

#[test]
fn waiting_ends_with_the_reasons_when_time_is_over() {
    let tasks = json!([{"ServiceID": "id_new", "Slot": 1, "DesiredState": "running",
                        "Status": {"State": "pending", "Err": "no suitable node"}}]);
    let fake = stack(&tasks.to_string(), b"{}");
    let ended = deploy(&fake, &["--wait", "--wait-timeout", "1ms", "--quiet"]);
    assert_eq!(ended.code, ExitCode::from(1), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("app_new.1: pending: no suitable node"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("app_web: 0 of 9 run"), "{ended:?}");
}
