//! Lists, filters and look-ups.

use serde_json::{Value, json};
use shoal_scheduler::task::{Slot, TaskState};

use super::{
    fixture::{Fixture, filters},
    sample::{EVERYWHERE, WAITING, WEB, node_id, task},
};

async fn names(fixture: &Fixture, filter: Value) -> Vec<String> {
    let services = fixture
        .get(&format!("/services?{}", filters(filter)))
        .await
        .json();
    let name = |service: &Value| service["Spec"]["Name"].as_str().unwrap().to_owned();
    services.as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn services_are_filtered() {
    let fixture = Fixture::new();
    for (filter, expected) in [
        (json!({}), &["app_web", "g", "waiting"][..]),
        (json!({ "name": ["app"] }), &["app_web"]),
        (
            json!({ "name": { "g": true, "wait": true } }),
            &["g", "waiting"],
        ),
        (
            json!({ "id": [EVERYWHERE.to_string()[..9].to_owned()] }),
            &["g"],
        ),
        (json!({ "id": ["g"] }), &[]),
        (json!({ "mode": ["global"] }), &["g"]),
        (
            json!({ "mode": ["replicated"], "label": ["app=x"] }),
            &["app_web"],
        ),
        (
            json!({ "label": ["com.docker.stack.namespace=app"] }),
            &["app_web"],
        ),
        (json!({ "runtime": ["plugin"] }), &[]),
    ] {
        assert_eq!(names(&fixture, filter.clone()).await, expected, "{filter}");
    }
}

async fn task_slots(fixture: &Fixture, filter: Value) -> Vec<String> {
    let reply = fixture.get(&format!("/tasks?{}", filters(filter))).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let slot = |task: &Value| match task["Slot"].as_u64() {
        Some(number) => format!("{number} {}", task["DesiredState"].as_str().unwrap()),
        None => format!("global {}", task["DesiredState"].as_str().unwrap()),
    };
    reply.json().as_array().unwrap().iter().map(slot).collect()
}

#[tokio::test]
async fn tasks_are_filtered() {
    let fixture = Fixture::new();
    let id = shoal_scheduler::task::TaskId(2 << 100).to_string();
    for (filter, expected) in [
        (
            json!({ "service": [WEB.to_string()] }),
            &["1 running", "2 running"][..],
        ),
        (
            json!({ "service": ["app_web"], "node": ["host2"] }),
            &["2 running"],
        ),
        (json!({ "id": [id[..8].to_owned()] }), &["2 running"]),
        (json!({ "name": ["app_web.1"] }), &["1 running"]),
        (
            json!({ "label": ["com.docker.stack.namespace=app"] }),
            &["1 running", "2 running"],
        ),
        (
            json!({ "desired-state": { "shutdown": true } }),
            &["global shutdown"],
        ),
        (json!({ "service": ["waiting"] }), &["1 running"]),
        (
            json!({ "service": ["app_web"], "_up-to-date": { "false": true } }),
            &[],
        ),
        (
            json!({ "node": [node_id(3).to_string()] }),
            &["global shutdown"],
        ),
    ] {
        assert_eq!(
            task_slots(&fixture, filter.clone()).await,
            expected,
            "{filter}"
        );
    }
}

#[tokio::test]
async fn a_task_of_an_older_spec_is_not_up_to_date_and_shows_its_own_image() {
    let fixture = Fixture::new();
    fixture.change(|view| {
        let web = view.services.get_mut(&WEB).unwrap();
        web.template += 1;
    });
    let old = json!({ "service": ["app_web"], "_up-to-date": ["false"] });
    let tasks = fixture
        .get(&format!("/tasks?{}", filters(old)))
        .await
        .json();
    assert_eq!(tasks.as_array().unwrap().len(), 2);
    assert_eq!(
        tasks[0]["Spec"],
        json!({ "ContainerSpec": { "Image": "busybox:latest" } })
    );
    // Its service still has the spec before the last update.
    fixture.change(|view| {
        let web = view.services.get_mut(&WEB).unwrap();
        web.previous_template = Some(web.template - 1);
        let former = r#"{"TaskTemplate":{"ContainerSpec":{"Image":"busybox","Args":["a"]}}}"#;
        web.previous_spec_json = Some(former.into());
    });
    let task = fixture.get("/tasks").await.json()[0].clone();
    assert_eq!(task["Spec"]["ContainerSpec"]["Args"], json!(["a"]));
}

#[tokio::test]
async fn tasks_of_a_removed_stack_are_still_found_by_its_label() {
    let fixture = Fixture::new();
    fixture.change(|view| {
        view.services.remove(&WEB);
    });
    let stack = json!({ "label": ["com.docker.stack.namespace=app"] });
    assert_eq!(task_slots(&fixture, stack).await.len(), 2);
    let other = json!({ "label": ["com.docker.stack.namespace=other"] });
    assert!(task_slots(&fixture, other).await.is_empty());
}

#[tokio::test]
async fn a_slot_that_waits_is_a_pending_task_with_an_id_that_stays() {
    let fixture = Fixture::new();
    let waiting = format!("/tasks?{}", filters(json!({ "service": ["waiting"] })));
    let tasks = fixture.get(&waiting).await.json();
    let id = tasks[0]["ID"].as_str().unwrap().to_owned();
    assert_eq!(tasks[0]["Status"]["State"], "pending");
    let reason = "no suitable node (scheduling constraints not satisfied on 2 nodes)";
    assert_eq!(tasks[0]["Status"]["Err"], reason);
    assert_eq!(tasks[0].get("NodeID"), None);
    assert_eq!(id.len(), 25);
    let again = fixture.get(&format!("/tasks/{id}")).await.json();
    assert_eq!(again, tasks[0]);
}

#[tokio::test]
async fn only_wanted_tasks_on_live_nodes_count_as_running() {
    let fixture = Fixture::new();
    fixture.change(|view| {
        let web = view.services[&WEB].clone();
        let mut leaving = task(5, &web, Slot::Number(1), 2);
        let mut report = (*leaving.report).clone();
        report.desired = TaskState::Shutdown;
        leaving.report = report.into();
        view.tasks.insert(leaving.report.id, leaving);
    });
    let services = fixture.get("/services?status=1").await.json();
    assert_eq!(services[0]["ServiceStatus"]["RunningTasks"], 2);
    assert_eq!(
        services[1]["ServiceStatus"]["RunningTasks"], 1,
        "one of two is on a dead node"
    );
}

#[tokio::test]
async fn nodes_are_filtered_and_found_by_name_id_and_prefix() {
    let fixture = Fixture::new();
    for (filter, count) in [
        (json!({ "name": ["host"] }), 3),
        (json!({ "name": ["host2"] }), 1),
        (json!({ "role": ["worker"] }), 0),
        (
            json!({ "membership": ["accepted"], "node.label": ["rack=r1"] }),
            1,
        ),
        (json!({ "node.label": ["rack=r2"] }), 0),
        (json!({ "id": [node_id(2).to_string()] }), 1),
    ] {
        let nodes = fixture
            .get(&format!("/nodes?{}", filters(filter.clone())))
            .await
            .json();
        assert_eq!(nodes.as_array().unwrap().len(), count, "{filter}");
    }
    let id = node_id(2).to_string();
    for wanted in ["host2", &id, &id[..6]] {
        let node = fixture.get(&format!("/nodes/{wanted}")).await.json();
        assert_eq!(node["ID"], id, "{wanted}");
    }
}

#[tokio::test]
async fn a_spec_is_shown_as_it_was_written_with_its_conflicts() {
    let fixture = Fixture::new();
    let service = fixture.get("/services/app_web").await.json();
    assert_eq!(service["Spec"]["SomethingNew"], json!({ "Kept": [1, 2] }));
    assert_eq!(service["PreviousSpec"]["Name"], "app_web");
    let conflict = &service["Shoal"]["Conflicts"][0];
    assert_eq!(conflict["Author"], node_id(3).to_string());
    assert_eq!(conflict["Removed"], true);
    let other = fixture.get("/services/g").await.json();
    assert_eq!(other.get("Shoal"), None);
}

#[tokio::test]
async fn a_service_without_a_mode_has_one_replica() {
    let fixture = Fixture::new();
    let service = fixture.get(&format!("/services/{WAITING}")).await.json();
    assert_eq!(
        service["Spec"]["Mode"],
        json!({ "Replicated": { "Replicas": 1 } })
    );
}

#[tokio::test]
async fn kinds_that_are_not_there_yet_have_empty_lists() {
    let fixture = Fixture::new();
    for kind in ["secrets", "configs"] {
        assert_eq!(fixture.get(&format!("/v1.41/{kind}")).await.body, "[]");
    }
    let reply = fixture.get("/networks/nonet").await;
    assert_eq!(
        (reply.status, reply.message()),
        (404, "network nonet not found".into())
    );
}

#[tokio::test]
async fn shoals_own_paths_answer() {
    let fixture = Fixture::new();
    let cluster = fixture.get("/shoal/v1/cluster").await.json();
    assert_eq!(cluster["DesiredRoot"], "0000000000000abc");
    assert_eq!(
        (&cluster["Nodes"], &cluster["NodesReady"]),
        (&json!(3), &json!(2))
    );
    let why = fixture.get("/shoal/v1/why/app_web/2").await.json();
    assert_eq!(why, json!({ "Service": WEB, "Slot": "2" }));
    let why = fixture.get("/shoal/v1/why/g/host2").await.json();
    assert_eq!(why["Slot"], node_id(2).to_string());
    let why = fixture.get("/v1.41/shoal/v1/why/g").await.json();
    assert_eq!(why["Slot"], Value::Null);
    assert_eq!(fixture.get("/shoal/v1/why/app_web/0").await.status, 400);
    assert_eq!(
        fixture.get("/shoal/v1/why/nope").await.message(),
        "service nope not found"
    );
}

#[tokio::test]
async fn without_an_engine_nobody_asks_a_registry() {
    let fixture = Fixture::new();
    for name in ["nginx", "team/app:1.2", "pi:5000/a/b@sha256:0"] {
        let reply = fixture
            .get(&format!("/v1.41/distribution/{name}/json"))
            .await;
        let words = "this node has no container engine to ask".to_owned();
        assert_eq!((reply.status, reply.message()), (503, words), "{name}");
    }
    assert_eq!(fixture.get("/distribution/nginx").await.status, 404);
    assert_eq!(fixture.get("/distribution/json").await.status, 404);
}
