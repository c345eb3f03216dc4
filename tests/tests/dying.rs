//! Machines die, come back, or stand still for a while.

use std::time::Duration;

use nix::sys::signal::Signal;
use shoal_tests::{Cluster, Running, always_for};

const HEALED: Duration = Duration::from_secs(20);
const SETTLED: Duration = Duration::from_secs(60);

/// The tasks that a node does not run.
fn not_on(node: &str, running: &[Running]) -> Vec<Running> {
    let others = running.iter().filter(|task| task.node != node);
    others.cloned().collect()
}

/// That all of these still run, as the same processes.
fn still_run(cluster: &Cluster, tasks: &[Running]) -> Result<(), String> {
    let now = cluster.processes();
    match tasks.iter().find(|task| !now.contains(task)) {
        None => Ok(()),
        Some(gone) => Err(format!("{gone:?} is gone; there are {now:#?}")),
    }
}

#[test]
fn a_dead_machine_is_replaced_and_its_return_restarts_nothing_in_haste() {
    let mut cluster = Cluster::of(5);
    cluster[0].create("web", 7);
    let before = cluster.runs_once("web", 7).unwrap();
    let victim = (1..5)
        .find(|at| before.iter().any(|task| task.node == cluster[*at].id()))
        .unwrap();
    let id = cluster[victim].id();
    let spared = not_on(&id, &before);
    cluster[victim].power_cut();
    let healed = cluster.settles("web", 7, HEALED);
    still_run(&cluster, &spared).unwrap();

    cluster[victim].start(&[]);
    cluster.all_ready();
    // A takeover waits ten seconds at least: until then everything stays as it is.
    always_for(Duration::from_secs(5), "nothing moves yet", || {
        still_run(&cluster, &healed)
    });
    let lost = before.len() - spared.len();
    let settled = cluster.settles("web", 7, SETTLED);
    always_for(
        Duration::from_secs(12),
        "nothing runs twice for long",
        || {
            let moved = cluster
                .processes()
                .into_iter()
                .filter(|task| !healed.contains(task));
            match moved.count() {
                moved if moved <= lost + 1 => Ok(()),
                moved => Err(format!(
                    "{moved} tasks moved for {lost} that were lost: {settled:#?}"
                )),
            }
        },
    );
    cluster.settles("web", 7, SETTLED);
}

#[test]
fn two_of_five_still_take_a_deploy_and_the_others_agree_when_they_return() {
    let mut cluster = Cluster::of(5);
    cluster[0].create("web", 5);
    for at in [0, 1, 2] {
        cluster[at].power_cut();
    }
    cluster.settles("web", 5, HEALED);
    cluster[3].create("new", 4);
    cluster.runs_once("new", 4).unwrap();
    cluster[4].shoal(&["service", "scale", "web=3"]).ok();
    for at in [0, 1, 2] {
        cluster[at].start(&[]);
    }
    cluster.all_ready();
    cluster.agree(HEALED);
    let expected = [("new".to_owned(), 4), ("web".to_owned(), 3)];
    for at in 0..5 {
        assert_eq!(cluster[at].services().unwrap(), expected.clone().into());
    }
    cluster.settles("web", 3, SETTLED);
    cluster.settles("new", 4, SETTLED);
}

#[test]
fn an_agent_that_stands_still_makes_nobody_restart_what_is_healthy() {
    let mut cluster = Cluster::of(5);
    cluster[0].create("web", 5);
    let before = cluster.runs_once("web", 5).unwrap();
    let paused = cluster[2].id();
    let healthy = not_on(&paused, &before);
    cluster[2].signal(Signal::SIGSTOP);
    always_for(Duration::from_secs(10), "healthy tasks run on", || {
        still_run(&cluster, &healthy)
    });
    cluster[2].signal(Signal::SIGCONT);
    cluster.all_ready();
    always_for(Duration::from_secs(5), "healthy tasks run on", || {
        still_run(&cluster, &healthy)
    });
    cluster.settles("web", 5, SETTLED);
    still_run(&cluster, &healthy).unwrap();
}

#[test]
fn a_node_that_reaches_nobody_runs_its_own_tasks_again() {
    let mut cluster = Cluster::of(3);
    cluster[0].create("web", 6);
    let id = cluster[1].id();
    let before = cluster.runs_once("web", 6).unwrap();
    let own = before.iter().filter(|task| task.node == id);
    let own: Vec<String> = own.map(|task| task.slot.clone()).collect();
    for at in 0..3 {
        cluster[at].power_cut();
    }
    cluster[1].start(&[]);
    shoal_tests::within(HEALED, "its own tasks run", || {
        let running = cluster.processes_of("web");
        let runs = |slot: &String| running.iter().any(|task| task.slot == *slot);
        match own.iter().all(runs) {
            true => Ok(()),
            false => Err(format!("{running:#?}, and its own were {own:?}")),
        }
    });
    cluster.settles("web", 6, SETTLED);
    cluster[1].create("alone", 1);
    cluster[0].start(&[]);
    cluster[2].start(&[]);
    cluster.all_ready();
    cluster.agree(HEALED);
    cluster.settles("web", 6, SETTLED);
    assert_eq!(cluster[2].services().unwrap().len(), 2);
}
