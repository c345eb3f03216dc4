//! Machines become a cluster, and the cluster runs what it is told.

use std::time::Duration;

use nix::sys::signal::Signal;
use shoal_tests::{Cluster, within};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn five_machines_join_and_run_what_is_deployed_on_any() {
    let mut cluster = Cluster::of(5);
    let file = cluster.folder().join("app.yml");
    std::fs::write(
        &file,
        "services:\n  web:\n    image: scratch\n    command: sleep 100000\n    deploy:\n      \
         replicas: 6\n  agent:\n    image: scratch\n    command: sleep 100000\n    deploy:\n      \
         mode: global\n",
    )
    .unwrap();
    let file = file.to_string_lossy().into_owned();
    cluster[3]
        .shoal(&["stack", "deploy", "-c", &file, "--wait", "app"])
        .ok();
    cluster.runs_once("app_web", 6).unwrap();
    assert_eq!(cluster.processes_of("app_agent").len(), 5);
    cluster[1]
        .shoal(&["service", "scale", "-d", "app_web=2"])
        .ok();
    within(SOON, "scaled down", || cluster.runs_once("app_web", 2));
    cluster[2].shoal(&["service", "scale", "app_web=7"]).ok();
    cluster.runs_once("app_web", 7).unwrap();
    cluster[4].shoal(&["stack", "rm", "app"]).ok();
    within(SOON, "all ended", || match cluster.processes().as_slice() {
        [] => Ok(()),
        left => Err(format!("{left:#?}")),
    });
    cluster.agree(SOON);
}

#[test]
fn an_agent_asks_for_as_many_holders_of_a_write_as_it_was_told() {
    let mut cluster = Cluster::of(2);
    cluster[1].power_cut();
    let name = cluster[1].name.clone();
    let is_down = |cluster: &Cluster| match cluster[0].sees(&name)?.as_str() {
        "down" => Ok(()),
        other => Err(other.to_owned()),
    };
    within(SOON, "the other is down", || is_down(&cluster));
    let create = |cluster: &Cluster, service: &str| {
        let line = [
            "service", "create", "-d", "--name", service, "scratch", "sleep", "100000",
        ];
        let said = cluster[0].shoal(&line);
        said.ok();
        said.err
    };
    let said = create(&cluster, "one");
    assert!(said.contains("written to 1 of the 2 nodes"), "{said}");

    cluster[0].signal(Signal::SIGTERM);
    cluster[0].wait_end(SOON);
    cluster[0].start(&["--write-concern", "local"]);
    within(SOON, "the other is down", || is_down(&cluster));
    let said = create(&cluster, "local");
    assert!(!said.contains("written to"), "{said}");
}
