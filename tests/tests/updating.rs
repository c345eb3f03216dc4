//! Services are updated in steps, by nodes that agree on nothing but what all report.

use std::time::Duration;

use serde_json::Value;
use shoal_tests::{Cluster, within};

const SOON: Duration = Duration::from_secs(20);
const UPDATED: Duration = Duration::from_secs(60);
const REPLICAS: usize = 10;

/// Ten replicas, updated two at a time, and watched for a second each.
fn deploy(cluster: &Cluster, action: &str) {
    let create = [
        "service",
        "create",
        "-q",
        "--name",
        "web",
        "--replicas",
        "10",
        "--update-parallelism",
        "2",
        "--update-monitor",
        "1s",
        "--update-failure-action",
        action,
        "--health-cmd",
        "true",
        "--health-interval",
        "300ms",
        "scratch",
        "sleep",
        "100000",
    ];
    cluster[0].shoal(&create).ok();
    cluster.settles("web", REPLICAS, SOON);
}

/// The status of the update, as a node knows it.
fn state(cluster: &Cluster, node: usize) -> Result<String, String> {
    let service = cluster[node].get("/services/web")?;
    let state = service.pointer("/UpdateStatus/State");
    Ok(state.and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn comes_to(cluster: &Cluster, nodes: &[usize], wanted: &str) {
    for node in nodes {
        within(
            UPDATED,
            &format!("{wanted} on n{}", node + 1),
            || match state(cluster, *node)? {
                state if state == wanted => Ok(()),
                state => Err(state),
            },
        );
    }
}

/// Running tasks with this variable in the spec that they run.
fn updated(cluster: &Cluster) -> Result<usize, String> {
    let filter = "%7B%22desired-state%22%3A%5B%22running%22%5D%7D";
    let tasks = cluster[0].get(&format!("/tasks?filters={filter}"))?;
    let tasks = tasks.as_array().ok_or("no list")?.iter();
    let is_updated = |task: &&Value| {
        task.pointer("/Spec/ContainerSpec/Env/0").is_some()
            && task.pointer("/Status/State").and_then(Value::as_str) == Some("running")
    };
    Ok(tasks.filter(is_updated).count())
}

#[test]
fn an_update_goes_on_two_at_a_time_while_a_machine_dies() {
    let mut cluster = Cluster::of(5);
    deploy(&cluster, "pause");
    let update = ["service", "update", "-d", "--env-add", "A=b", "web"];
    cluster[1].shoal(&update).ok();
    within(UPDATED, "four of ten", || {
        let running = cluster.processes_of("web").len();
        assert!(running >= REPLICAS - 2, "only {running} run");
        match updated(&cluster)? {
            number if number >= 4 => Ok(()),
            number => Err(number.to_string()),
        }
    });
    cluster[4].power_cut();
    comes_to(&cluster, &[0, 1, 2, 3], "completed");
    cluster.settles("web", REPLICAS, SOON);
    assert_eq!(updated(&cluster), Ok(REPLICAS));
}

#[test]
fn an_update_that_fails_stops_or_is_taken_back_and_all_nodes_know() {
    let cluster = Cluster::of(3);
    deploy(&cluster, "pause");
    let before = cluster.processes_of("web");
    let bad = ["service", "update", "--args", "no-such-command", "web"];
    let said = cluster[1].shoal(&bad);
    assert!(
        said.err.contains("update paused due to failure"),
        "{said:?}"
    );
    comes_to(&cluster, &[0, 1, 2], "paused");
    let left = cluster.processes_of("web");
    let kept = left.iter().filter(|one| before.contains(one)).count();
    assert_eq!(kept, REPLICAS - 2, "{left:#?}");

    cluster[2].shoal(&["service", "rollback", "-d", "web"]).ok();
    comes_to(&cluster, &[0, 1, 2], "rollback_completed");
    let after = cluster.settles("web", REPLICAS, SOON);
    let kept = after.iter().filter(|one| before.contains(one)).count();
    assert_eq!(kept, REPLICAS - 2, "what was well was left alone");

    let bad = [
        "service",
        "update",
        "-d",
        "--update-failure-action",
        "rollback",
        "--args",
        "no-such-command",
        "web",
    ];
    cluster[0].shoal(&bad).ok();
    comes_to(&cluster, &[0, 1, 2], "rollback_completed");
    let after = cluster.settles("web", REPLICAS, SOON);
    let kept = after.iter().filter(|one| before.contains(one)).count();
    assert!(kept >= REPLICAS - 4, "{after:#?}");
    let shown = cluster[2].get("/services/web").unwrap();
    assert_eq!(
        shown.pointer("/Spec/TaskTemplate/ContainerSpec/Args/0"),
        Some(&Value::from("sleep"))
    );
}
