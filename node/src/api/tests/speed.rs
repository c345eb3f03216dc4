//! What the polls of the client's progress view cost in a large cluster. Prints figures, and asserts none:
//! `cargo test --release -p shoal --lib api::tests::speed -- --ignored --nocapture`

use std::{sync::Arc, time::Instant};

use serde_json::json;
use shoal_membership::NodeId;
use shoal_scheduler::{
    task::{ServiceId, Slot, TaskId},
    view::{NodeStatus, TaskView},
};

use super::{
    fixture::{Fixture, filters},
    sample::{WEB, sample_view, service, task},
};

const NODES: u128 = 1_000;
const SERVICES: u128 = 1_000;
const TASKS_OF_EACH: u64 = 30;
const TIMES: usize = 21;

fn id(number: u128) -> NodeId {
    NodeId::from_bytes((number << 32 | 7).to_be_bytes())
}

#[tokio::test]
#[ignore = "prints figures for people: see the command above"]
async fn polls_of_a_large_cluster() {
    let fixture = Fixture::new();
    fixture.change(|view| {
        let sample = sample_view();
        let node = sample.nodes.values().next().unwrap().clone();
        let web = &sample.services[&WEB];
        for number in 0..NODES {
            let mut node = node.clone();
            node.id = id(number);
            node.status = NodeStatus::Ready;
            view.nodes.insert(node.id, node);
        }
        for number in 0..SERVICES {
            let mut one = service(ServiceId(number << 64 | 1), &web.spec_json);
            let mut spec = shoal_scheduler::spec::ServiceSpec::clone(&one.spec);
            spec.name = format!("s{number}");
            one.spec = Arc::new(spec);
            for slot in 1..=TASKS_OF_EACH {
                let made: TaskView = task(1, &one, Slot::Number(slot), 1);
                let mut report = (*made.report).clone();
                report.id = TaskId(number << 80 | u128::from(slot) << 32 | 9);
                let node = id((number * 31 + u128::from(slot)) % NODES);
                let made = TaskView {
                    node,
                    report: Arc::new(report),
                    node_is_alive: true,
                };
                view.tasks.insert(made.report.id, made);
            }
            view.services.insert(one.id, one);
        }
    });
    let one = ServiceId(5 << 64 | 1).to_string();
    let of_one = filters(json!({ "service": [one], "_up-to-date": ["true"] }));
    for path in [
        format!("/tasks?{of_one}"),
        format!("/services/{one}?insertDefaults=false"),
        "/nodes".to_owned(),
        "/services?status=true".to_owned(),
    ] {
        let mut taken = Vec::new();
        let mut bytes = 0;
        for _ in 0..TIMES {
            let begin = Instant::now();
            let reply = fixture.get(&path).await;
            taken.push(begin.elapsed());
            assert_eq!(reply.status, 200);
            bytes = reply.body.len();
        }
        taken.sort();
        let name = path.split('?').next().unwrap_or_default();
        println!(
            "{name}: {:.1} ms, {:.1} at most, {} KB ({NODES} nodes, {} tasks)",
            taken[TIMES / 2].as_secs_f64() * 1e3,
            taken[TIMES - 1].as_secs_f64() * 1e3,
            bytes / 1_000,
            SERVICES * u128::from(TASKS_OF_EACH),
        );
    }
}
