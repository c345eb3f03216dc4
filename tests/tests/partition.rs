//! Paths between machines are lost, one or all, and come back.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use shoal_tests::{Cluster, Running, always_for, get, within};

const SOON: Duration = Duration::from_secs(30);
const SETTLED: Duration = Duration::from_secs(90);

fn all_see_all_ready(cluster: &Cluster) -> Result<(), String> {
    (0..cluster.count()).try_for_each(|at| {
        let roster = cluster[at].roster()?;
        match roster.values().all(|status| status == "ready") {
            true => Ok(()),
            false => Err(format!("{} sees {roster:?}", cluster[at].name)),
        }
    })
}

#[test]
fn both_sides_of_a_partition_go_on_and_agree_when_it_is_over() {
    let mut cluster = Cluster::with_links(5);
    cluster[0].create("web", 6);
    let (one, other) = ([0, 1], [2, 3, 4]);
    cluster.links().cut(&one, &other);
    cluster.ready(&one);
    cluster.ready(&other);
    within(SOON, "each side runs everything", || {
        let running = cluster.processes_of("web").len();
        (running == 12).then_some(()).ok_or(format!("{running}"))
    });
    cluster[0].create("left", 2);
    cluster[4].create("right", 3);
    cluster[1].shoal(&["service", "scale", "-d", "web=4"]).ok();
    cluster.links().heal();
    cluster.all_ready();
    cluster.agree(SOON);
    for at in 0..5 {
        let services = cluster[at].services().unwrap();
        let expected = [("left", 2), ("right", 3), ("web", 4)];
        let expected = expected.map(|(name, replicas)| (name.to_owned(), replicas));
        assert_eq!(services, expected.into(), "{}", cluster[at].name);
    }
    cluster.settles("web", 4, SETTLED);
    cluster.settles("left", 2, SETTLED);
    cluster.settles("right", 3, SETTLED);
}

/// That every task still runs where it ran. To be asked before a service is scaled: that changes how
/// many of its slots a node may have, and so may move some.
fn nothing_moved(cluster: &Cluster, before: &[Running]) -> bool {
    let now = cluster.processes();
    before.iter().all(|task| now.contains(task))
}

#[test]
fn two_nodes_that_lose_the_path_between_them_do_not_take_each_other_for_dead() {
    let mut cluster = Cluster::with_links(4);
    cluster[0].create("web", 4);
    let before = cluster.runs_once("web", 4).unwrap();
    cluster.links().cut(&[0], &[1]);
    always_for(Duration::from_secs(12), "all see all ready", || {
        all_see_all_ready(&cluster)
    });
    assert!(nothing_moved(&cluster, &before));
    // What one writes reaches the other through the rest.
    cluster[0].shoal(&["service", "scale", "web=6"]).ok();
    cluster.agree(SOON);
    cluster.settles("web", 6, SOON);
}

#[test]
fn a_fifth_of_all_packets_lost_costs_nobody_its_place() {
    let mut cluster = Cluster::with_links(4);
    cluster[0].create("web", 4);
    let before = cluster.runs_once("web", 4).unwrap();
    cluster.links().lose(20);
    always_for(Duration::from_secs(15), "all see all ready", || {
        all_see_all_ready(&cluster)
    });
    assert!(nothing_moved(&cluster, &before));
    cluster[3].shoal(&["service", "scale", "web=7"]).ok();
    cluster.agree(SOON);
    cluster.settles("web", 7, SOON);
}

/// What nobody else runs is reached by way of whoever reaches both, and not each client waits to find out.
#[test]
fn a_task_beyond_a_lost_path_answers_by_way_of_a_third_node() {
    let cluster = Cluster::with_links(3);
    let binary = shoal_tests::shoal_binary();
    let binary = binary.to_string_lossy();
    let create = [
        "service",
        "create",
        "-q",
        "--name",
        "web",
        "--publish",
        "8080:80",
        "--constraint",
        "node.hostname==n2",
        "scratch",
        &binary,
        "__web",
    ];
    cluster[0].shoal(&create).ok();
    let address = SocketAddr::new(cluster[0].listen.ip(), 8080);
    within(SOON, "an answer on the direct way", || {
        get(address).map(drop)
    });
    cluster.links().cut(&[0], &[1]);
    within(SOON, "an answer by way of the third", || {
        get(address).map(drop)
    });
    let (begun, mut slow) = (Instant::now(), Vec::new());
    // Longer than what stood before lasts, and than a way around is remembered.
    while begun.elapsed() < Duration::from_secs(50) {
        let asked = Instant::now();
        get(address).expect("an answer");
        if asked.elapsed() > Duration::from_secs(1) {
            slow.push((begun.elapsed(), asked.elapsed()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(slow.len() <= 2, "{slow:?}");
    all_see_all_ready(&cluster).expect("nobody is given up");
    let pair = "n1 and n2 can't reach each other; traffic between them goes by way of n3";
    for node in 0..3 {
        let listed = cluster[node].shoal(&["node", "ls"]);
        assert!(listed.err.contains(pair), "{listed:?}");
        let why = cluster[node].shoal(&["why", "web.1"]);
        assert!(why.out.contains(pair), "{why:?}");
    }
    cluster.links().heal();
    within(SETTLED, "the direct way again", || {
        get(address)?;
        let said = cluster[0].log();
        let is_direct = said.contains("reached directly again");
        let listed = cluster[2].shoal(&["node", "ls"]);
        if listed.err.contains("can't reach") {
            return Err(listed.err);
        }
        is_direct
            .then_some(())
            .ok_or_else(|| said.lines().last().unwrap_or_default().to_owned())
    });
}
