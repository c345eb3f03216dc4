//! Every key that dockerd was recorded to send is there.

use serde_json::{Value, json};

use super::{fixture::Fixture, sample::WEB};

fn recorded(what: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../testdata/recorded.json")).unwrap();
    all[what].clone()
}

/// Paths of keys of `expected` that `ours` lacks, or that are of another kind there.
fn missing(expected: &Value, ours: &Value, path: &str, found: &mut Vec<String>) {
    match (expected, ours) {
        (Value::Object(expected), Value::Object(ours)) => {
            for (key, value) in expected {
                let path = format!("{path}.{key}");
                match ours.get(key) {
                    Some(other) => missing(value, other, &path, found),
                    None => found.push(path),
                }
            }
        }
        (Value::Array(expected), Value::Array(ours)) => {
            if let (Some(value), Some(other)) = (expected.first(), ours.first()) {
                missing(value, other, path, found);
            }
        }
        (a, b) if std::mem::discriminant(a) != std::mem::discriminant(b) => {
            found.push(format!("{path}: {a} is not like {b}"));
        }
        _ => {}
    }
}

fn assert_like(what: &str, ours: &Value, absent: &[&str]) {
    let mut found = Vec::new();
    missing(&recorded(what), ours, "", &mut found);
    assert_eq!(found, absent, "{what}: {ours:#}");
}

#[tokio::test]
async fn info_has_what_clients_read() {
    let fixture = Fixture::new();
    let info = fixture.get("/v1.41/info").await.json();
    assert_like("info", &info, &[".Swarm.Cluster.DefaultAddrPool"]);
    assert_eq!(info["Swarm"]["Nodes"], 3);
    assert_eq!(info["Swarm"]["LocalNodeState"], "active");
    assert_eq!(info["Swarm"]["ControlAvailable"], true);
    assert_eq!(info["Swarm"]["RemoteManagers"][0]["Addr"], "10.0.0.1:7900");
    assert_eq!(info["Warnings"], json!(["clocks are apart"]));
    assert_eq!(info["ContainersRunning"], 2);
}

#[tokio::test]
async fn version_has_what_clients_read() {
    let fixture = Fixture::new();
    let version = fixture.get("/v1.44/version").await.json();
    assert_like("version", &version, &[]);
    assert_eq!(version["ApiVersion"], "1.50");
    assert_eq!(version["MinAPIVersion"], "1.41");
}

#[tokio::test]
async fn nodes_have_what_clients_read() {
    let fixture = Fixture::new();
    let nodes = fixture.get("/v1.41/nodes").await.json();
    // Nobody leads.
    assert_like("node", &nodes[0], &[".ManagerStatus.Leader"]);
    assert_eq!(nodes[0]["Spec"]["Role"], "manager");
    assert_eq!(nodes[0]["CreatedAt"], "2026-11-22T10:05:08.088310550Z");
    assert_eq!(nodes[2]["Status"]["State"], "down");
    assert_eq!(nodes[2]["ManagerStatus"]["Reachability"], "unreachable");
}

#[tokio::test]
async fn services_have_what_clients_read() {
    let fixture = Fixture::new();
    let services = fixture.get("/v1.41/services?status=true").await.json();
    assert_like("service_in_list", &services[0], &[".Endpoint.VirtualIPs"]);
    assert_eq!(
        services[0]["ServiceStatus"],
        json!({ "RunningTasks": 2, "DesiredTasks": 2, "CompletedTasks": 0 })
    );
    let without = fixture.get("/v1.41/services").await.json();
    assert_eq!(without[0].get("ServiceStatus"), None);
}

#[tokio::test]
async fn tasks_have_what_clients_read() {
    let fixture = Fixture::new();
    let tasks = fixture.get("/v1.41/tasks").await.json();
    // The recorded task has a placement preference, which is its service's affair.
    assert_like("task", &tasks[0], &[".Spec.Placement.Preferences"]);
    assert_eq!(
        tasks[0]["Status"]["PortStatus"]["Ports"],
        json!([{ "Protocol": "tcp", "TargetPort": 81, "PublishedPort": 8081, "PublishMode": "host" }])
    );
}

#[tokio::test]
async fn defaults_are_those_that_swarm_inserts() {
    let fixture = Fixture::new();
    let text = recorded("service")["Spec"].to_string();
    fixture.change(|view| {
        view.services
            .insert(WEB, super::sample::service(WEB, &text));
    });
    let plain = fixture
        .get(&format!("/v1.41/services/{WEB}?insertDefaults=false"))
        .await;
    assert_eq!(plain.json()["Spec"], recorded("service")["Spec"]);
    let full = fixture
        .get(&format!("/v1.41/services/{WEB}?insertDefaults=true"))
        .await;
    assert_eq!(
        full.json()["Spec"],
        recorded("service_with_defaults")["Spec"]
    );
}

#[tokio::test]
async fn ping_has_the_recorded_headers_and_the_state_of_the_swarm() {
    let fixture = Fixture::new();
    for method in ["HEAD", "GET"] {
        let method = axum::http::Method::from_bytes(method.as_bytes()).unwrap();
        let reply = fixture.send(method, "/_ping", &[], "").await;
        for (name, _) in recorded("ping_headers").as_object().unwrap() {
            assert!(reply.headers.contains_key(name.as_str()), "{name}");
        }
        assert_eq!(reply.headers["Swarm"], "active/manager");
        assert_eq!(reply.headers["Api-Version"], "1.50");
        assert_eq!(reply.status, 200);
    }
    assert_eq!(fixture.get("/v1.41/_ping").await.body, "OK");
}
