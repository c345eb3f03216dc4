//! The ways in which an agent ends: told to leave, told to make room for another version, killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use nix::sys::signal::Signal;
use shoal_tests::{Cluster, always_for, shoal_binary, within};

const SOON: Duration = Duration::from_secs(20);
const SETTLED: Duration = Duration::from_secs(60);

#[test]
fn an_agent_that_is_interrupted_hands_its_tasks_over_and_leaves() {
    let mut cluster = Cluster::of(3);
    cluster[0].create("web", 6);
    let id = cluster[2].id();
    cluster[2].signal(Signal::SIGINT);
    assert_eq!(cluster[2].wait_end(SOON), 0);
    assert!(cluster.processes().iter().all(|task| task.node != id));
    cluster.settles("web", 6, SOON);
    within(SOON, "it is down, and on the roster", || {
        match cluster[0].sees("n3")?.as_str() {
            "down" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    cluster[2].start(&[]);
    cluster.all_ready();
    cluster.settles("web", 6, SETTLED);
}

#[test]
fn an_agent_that_is_terminated_leaves_its_tasks_running_and_adopts_them_again() {
    let mut cluster = Cluster::of(3);
    cluster[0].create("web", 6);
    let before = cluster.runs_once("web", 6).unwrap();
    cluster[2].signal(Signal::SIGTERM);
    assert_eq!(cluster[2].wait_end(SOON), 0);
    let as_before = |cluster: &Cluster| match cluster.processes_of("web") {
        now if now == before => Ok(()),
        now => Err(format!("{now:#?}")),
    };
    always_for(Duration::from_secs(6), "nothing changes", || {
        as_before(&cluster)
    });
    cluster[2].start(&[]);
    cluster.all_ready();
    always_for(Duration::from_secs(6), "nothing changes", || {
        as_before(&cluster)
    });
    let id = cluster[2].id();
    let own = before.iter().filter(|task| task.node == id);
    within(SOON, "its tasks are its own again", || {
        let known = cluster[2].tasks()?;
        own.clone().try_for_each(|task| {
            let found = known.iter().find(|one| one.id == task.task);
            match found {
                Some(one) if one.state == "running" && one.pid == i64::from(task.pid) => Ok(()),
                other => Err(format!("{task:?} is shown as {other:?}")),
            }
        })
    });
}

/// Puts a `systemctl` before the machine's own that says this of the system.
fn let_systemd_say(cluster: &mut Cluster, at: usize, state: &str) {
    let folder = cluster.folder().join("bin");
    fs::create_dir_all(&folder).expect("a folder");
    let program = folder.join("systemctl");
    fs::write(&program, format!("#!/bin/sh\necho {state}\nexit 1\n")).expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its mode");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", folder.display());
    cluster[at].environment = vec![("PATH".into(), path)];
}

#[test]
fn an_agent_that_is_terminated_with_its_machine_hands_its_tasks_over() {
    let mut cluster = Cluster::of(3);
    cluster[0].create("web", 6);
    let id = cluster[2].id();
    let_systemd_say(&mut cluster, 2, "running");
    cluster[2].signal(Signal::SIGTERM);
    assert_eq!(cluster[2].wait_end(SOON), 0);
    let still_there = cluster.processes().iter().any(|task| task.node == id);
    assert!(still_there, "the machine stays up, and so do its tasks");
    cluster[2].start(&[]);
    cluster.all_ready();

    let_systemd_say(&mut cluster, 2, "stopping");
    cluster[2].signal(Signal::SIGTERM);
    assert_eq!(cluster[2].wait_end(SOON), 0);
    assert!(cluster.processes().iter().all(|task| task.node != id));
    cluster.settles("web", 6, SOON);
}

#[test]
fn a_killed_agent_adopts_what_ran_on() {
    let mut cluster = Cluster::of(1);
    cluster[0].create("web", 3);
    let before = cluster.runs_once("web", 3).unwrap();
    let times = times_of_running(&cluster, 3);
    cluster[0].kill_agent();
    assert_eq!(cluster.processes(), before);
    cluster[0].start(&[]);
    cluster.all_ready();
    // It shows when they started, not when they were adopted.
    assert_eq!(times_of_running(&cluster, 3), times);
    cluster[0].create("next", 1);
    assert_eq!(cluster.processes_of("web"), before);
}

/// When the running tasks were made and began to run, by id, as the first node shows it.
fn times_of_running(cluster: &Cluster, count: usize) -> BTreeMap<String, [String; 2]> {
    within(SOON, &format!("{count} tasks run"), || {
        let tasks = cluster[0].get("/tasks")?;
        let running = tasks.as_array().into_iter().flatten();
        let running = running.filter(|task| task["Status"]["State"] == "running");
        let times: BTreeMap<_, _> = running
            .map(|task| {
                let times = [&task["CreatedAt"], &task["Status"]["Timestamp"]];
                (task["ID"].to_string(), times.map(ToString::to_string))
            })
            .collect();
        (times.len() == count)
            .then_some(times)
            .ok_or_else(|| tasks.to_string())
    })
}

/// One node: there is no other that could hold what its disk lost.
#[test]
fn nothing_that_was_acknowledged_is_lost_by_a_kill_at_any_moment() {
    let mut cluster = Cluster::of(1);
    let mut acknowledged = BTreeSet::new();
    for round in 0..10_usize {
        let host = format!("unix:{}", cluster[0].socket.display());
        let written = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| write_until_refused(&host, round, &written));
            // Later each time: some way into one write or another.
            within(SOON, "some are written", || {
                let so_far = written.load(Ordering::Relaxed);
                (so_far > round).then_some(()).ok_or(format!("{so_far}"))
            });
            cluster[0].kill_agent();
            acknowledged.extend(writer.join().unwrap());
        });
        cluster[0].start(&[]);
        cluster.all_ready();
        let there = cluster[0].services().unwrap();
        let lost: Vec<&String> = acknowledged
            .iter()
            .filter(|name| !there.contains_key(*name))
            .collect();
        assert!(lost.is_empty(), "round {round}: {lost:?} are lost");
    }
}

/// Makes services, one after another, until the agent is gone. Names of those it acknowledged.
fn write_until_refused(host: &str, round: usize, written: &AtomicUsize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0..1_000 {
        let name = format!("s{round}-{number}");
        let said = Command::new(shoal_binary())
            .args(["--host", host, "service", "create", "-d", "--replicas", "0"])
            .args(["--name", &name, "scratch", "true"])
            .output();
        if !said.expect("the binary starts").status.success() {
            break;
        }
        acknowledged.push(name);
        written.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}
