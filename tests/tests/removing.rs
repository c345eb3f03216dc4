//! Machines leave for good, come back though they were removed, or are made anew.

use std::{fs, time::Duration};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use shoal_tests::{Cluster, within};

const SOON: Duration = Duration::from_secs(30);

/// A machine with a copy of another's disk, not started; without its tasks, whose processes would
/// be found on this one machine.
fn copy_of(cluster: &mut Cluster, of: usize) -> usize {
    let at = cluster.place();
    let (from, to) = (cluster[of].data.clone(), cluster[at].data.clone());
    cluster[of].kill_agent();
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(&from)
        .arg(&to)
        .status();
    assert!(
        copied.is_ok_and(|status| status.success()),
        "no copy of {from:?}"
    );
    fs::remove_dir_all(to.join("tasks")).expect("the copy's tasks go");
    cluster[of].start(&[]);
    cluster.all_ready();
    at
}

fn is_seen(cluster: &Cluster, hostname: &str, status: &str) {
    within(
        SOON,
        &format!("{hostname} is seen {status}"),
        || match cluster[0].sees(hostname)? {
            seen if seen == status => Ok(()),
            seen => Err(seen),
        },
    );
}

/// The warnings in a log that a revoked key was met.
fn of_a_revoked_key(log: &str) -> Vec<&str> {
    let warnings = log.lines().filter(|line| line.contains(" WARN "));
    warnings
        .filter(|line| line.contains("its key is revoked"))
        .collect()
}

#[test]
fn a_removed_machine_that_comes_back_says_so_and_how_to_join_again() {
    let mut cluster = Cluster::of(3);
    cluster[0].create("web", 6);
    let id = cluster[2].id();
    // Its tasks run on, as those of a machine behind a broken switch would.
    cluster[2].kill_agent();
    is_seen(&cluster, "n3", "down");
    cluster[0].shoal(&["node", "rm", "n3"]).ok();
    cluster.agree(SOON);
    let said = cluster[2].run_to_end(SOON, &[]);
    said.refused(&["removed from its cluster", "--join", "shoal token create"]);
    // Both logs say who and why, and say it once.
    let told = of_a_revoked_key(&said.err);
    assert!((1..=2).contains(&told.len()), "{told:#?}");
    assert_eq!(
        said.err.matches("ERROR a member says").count(),
        1,
        "{said:?}"
    );
    let mut refused = 0;
    for member in 0..2 {
        let log = cluster[member].log();
        let refusals = of_a_revoked_key(&log);
        assert!(refusals.len() <= 1, "{refusals:#?}");
        assert!(refusals.iter().all(|line| line.contains(&id)));
        refused += refusals.len();
        let by = cluster[member].id();
        let told_by = told.iter().filter(|line| line.contains(&by)).count();
        assert!(told_by <= refusals.len(), "{told:#?}\n{refusals:#?}");
    }
    assert!(refused > 0, "no member says that it refused {id}");
    assert!(cluster.processes().iter().all(|task| task.node != id));
    cluster.settles("web", 6, SOON);
    assert_eq!(cluster[0].roster().unwrap().len(), 2);

    // With its old key it stays out, whatever it holds.
    let token = cluster.token(&[]);
    let said = cluster[2].run_to_end(SOON, &["--join", &token]);
    said.refused(&["removed from its cluster"]);
    // As a new machine it is welcome.
    fs::rename(&cluster[2].data, cluster.folder().join("old")).unwrap();
    cluster.enter(2);
    cluster.all_ready();
    assert_ne!(cluster[2].id(), id);
    cluster.agree(SOON);
}

#[test]
fn a_living_node_is_removed_only_by_force_and_then_stops_its_tasks() {
    let mut cluster = Cluster::of(3);
    cluster[0].create("web", 6);
    let id = cluster[2].id();
    let said = cluster[0].shoal(&["node", "rm", "n3"]);
    said.refused(&["is not down", "--force"]);
    cluster[0].shoal(&["node", "rm", "--force", "n3"]).ok();
    assert_eq!(cluster[2].wait_end(SOON), 1);
    assert!(cluster[2].log().contains("removed from its cluster"));
    assert!(cluster.processes().iter().all(|task| task.node != id));
    cluster.settles("web", 6, SOON);
}

#[test]
fn a_machine_made_anew_under_an_old_name_is_told_apart_by_its_id() {
    let mut cluster = Cluster::of(3);
    let old = cluster[2].id();
    cluster[2].power_cut();
    fs::remove_dir_all(&cluster[2].data).unwrap();
    cluster.enter(2);
    let new = cluster[2].id();
    assert_ne!(old, new);
    within(SOON, "both are known", || {
        let roster = cluster[0].roster()?;
        let status = |id: &str| roster.get(&("n3".to_owned(), id.to_owned())).cloned();
        match (status(&old).as_deref(), status(&new).as_deref()) {
            (Some("down"), Some("ready")) => Ok(()),
            _ => Err(format!("{roster:?}")),
        }
    });
    cluster[0].shoal(&["node", "rm", "n3"]).refused(&["n3"]);
    assert_eq!(cluster[0].roster().unwrap().len(), 4);
    cluster[0].shoal(&["node", "rm", &old]).ok();
    cluster.all_ready();
    cluster[1].create("web", 3);
    cluster.agree(SOON);
}

#[test]
fn a_data_directory_in_use_is_refused() {
    let mut cluster = Cluster::of(1);
    cluster[0].create("web", 1);
    let before = cluster.processes();
    let at = cluster.place();
    cluster[at].data = cluster[0].data.clone();
    let said = cluster[at].run_to_end(SOON, &[]);
    said.refused(&["in use by another agent", "--data-dir"]);
    assert_eq!(cluster.processes(), before);
    cluster[0].create("next", 1);
}

#[test]
fn a_copied_data_directory_is_found_out_and_both_machines_are_named() {
    let mut cluster = Cluster::of(3);
    cluster[0].create("web", 3);
    let at = copy_of(&mut cluster, 2);
    let said = cluster[at].run_to_end(SOON, &[]);
    said.refused(&["runs with the key of this node", "--join", "127."]);
    cluster.all_ready();
    cluster[0].create("next", 3);
    cluster.agree(SOON);
}

#[test]
fn a_copied_machine_with_a_token_takes_a_key_of_its_own_and_joins() {
    let mut cluster = Cluster::of(3);
    cluster[0].create("web", 6);
    let at = copy_of(&mut cluster, 2);
    let id = cluster[2].id();
    let token = cluster.token(&[]);
    cluster[at].start(&["--join", &token]);
    within(SOON, "it is one of four", || {
        let roster = cluster[0].roster()?;
        let ready = roster.values().filter(|status| *status == "ready");
        match ready.count() {
            4 => Ok(()),
            _ => Err(format!("{roster:?}")),
        }
    });
    cluster.all_ready();
    assert_ne!(cluster[at].id(), id);
    assert_eq!(cluster[2].id(), id);
    assert!(cluster[at].log().contains("joins anew with its token"));
    let why = fs::read_to_string(cluster[at].data.join("set-aside-1/why.txt")).unwrap();
    assert!(why.contains("runs with the key of this node"), "{why}");
    cluster.settles("web", 6, SOON);
    cluster.agree(SOON);
}

/// It runs, and is in no cluster.
fn is_inactive(cluster: &Cluster, at: usize) {
    within(SOON, "an inactive node", || {
        let info = cluster[at].get("/info")?;
        match info["Swarm"]["LocalNodeState"].as_str() {
            Some("inactive") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

#[test]
fn a_node_that_leaves_hands_its_tasks_over_and_is_nobody_afterwards() {
    let mut cluster = Cluster::of(3);
    cluster[0].create("web", 6);
    let old = cluster[2].id();
    let said = cluster[2].shoal(&["swarm", "leave"]);
    assert_eq!(said.ok(), "Node left the swarm.");
    is_inactive(&cluster, 2);
    assert!(cluster.processes().iter().all(|task| task.node != old));
    cluster.settles("web", 6, SOON);
    is_seen(&cluster, "n3", "down");
    assert!(cluster[2].data.join("set-aside-1/node.key").exists());
    cluster[0].shoal(&["node", "rm", "n3"]).ok();

    // It is a new machine now, here or in any other cluster; and one that waits, also when it starts again.
    cluster[2].signal(Signal::SIGTERM);
    assert_eq!(cluster[2].wait_end(SOON), 0);
    cluster[2].launch(&[]);
    is_inactive(&cluster, 2);
    let token = cluster[0].get("/swarm").unwrap()["JoinTokens"]["Worker"].clone();
    let join = json!({ "JoinToken": token, "RemoteAddrs": [cluster[1].listen.to_string()] });
    let joined = cluster[2].request("POST", "/swarm/join", Some(&join));
    assert_eq!(joined.unwrap(), (200, Value::Null));
    cluster.all_ready();
    assert_ne!(cluster[2].id(), old);
    cluster.settles("web", 6, Duration::from_secs(60));
}

#[test]
fn the_last_node_leaves_only_by_force() {
    let mut cluster = Cluster::of(2);
    cluster[0].create("web", 2);
    cluster[1].power_cut();
    is_seen(&cluster, "n2", "down");
    let said = cluster[0].shoal(&["swarm", "leave"]);
    said.refused(&["no other member of the cluster can be reached", "--force"]);
    cluster.settles("web", 2, SOON);
    let before = cluster[0].id();
    cluster[0].shoal(&["swarm", "leave", "--force"]).ok();
    is_inactive(&cluster, 0);
    assert!(cluster.processes().is_empty());
    let refused = cluster[0].request("GET", "/services", None).unwrap();
    assert_eq!(refused.0, 503, "{}", refused.1);
    let founded = cluster[0]
        .request("POST", "/swarm/init", Some(&json!({})))
        .unwrap();
    assert_eq!(founded, (200, json!(cluster[0].id())));
    assert_ne!(cluster[0].id(), before);
    cluster.ready(&[0]);
    assert_eq!(cluster[0].services().unwrap().len(), 0);
}
