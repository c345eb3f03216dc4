//! Machines become a cluster, and the cluster runs what it is told.

use std::time::Duration;

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
