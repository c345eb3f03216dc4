//! A machine is emptied for its upkeep.

use std::time::Duration;

use shoal_tests::{Cluster, within};

const SOON: Duration = Duration::from_secs(40);

#[test]
fn a_drained_node_gives_up_its_tasks_only_when_others_run_them() {
    let mut cluster = Cluster::of(3);
    cluster[0].create("web", 6);
    let id = cluster[1].id();
    cluster[0]
        .shoal(&["node", "update", "--availability", "drain", "n2"])
        .ok();
    within(SOON, "the drained node is empty", || {
        let running = cluster.processes_of("web");
        for slot in 1..=6 {
            let runs = running.iter().any(|task| task.slot == slot.to_string());
            assert!(runs, "slot {slot} runs nowhere: {running:#?}");
        }
        match running.iter().filter(|task| task.node == id).count() {
            0 => Ok(()),
            left => Err(format!("{left} tasks are left")),
        }
    });
    cluster.settles("web", 6, SOON);
    cluster[2].create("more", 3);
    assert!(cluster.processes().iter().all(|task| task.node != id));
    cluster[2]
        .shoal(&["node", "update", "--availability", "active", "n2"])
        .ok();
    within(SOON, "it gets tasks again", || {
        let running = cluster.processes();
        let is_used = running.iter().any(|task| task.node == id);
        is_used.then_some(()).ok_or(format!("{running:#?}"))
    });
    cluster.settles("web", 6, SOON);
    cluster.agree(SOON);
}
