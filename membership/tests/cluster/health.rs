use shoal_membership::Profile;

use crate::{network::Cluster, seconds};

#[test]
fn a_node_that_was_stopped_for_ten_seconds_accuses_nobody() {
    for (size, seed) in [(2, 1), (5, 2), (5, 3), (5, 4), (32, 5), (32, 6)] {
        for profile in [Profile::Lan, Profile::Edge] {
            let mut cluster = Cluster::joined(size, profile, seed);
            cluster.pause(1);
            cluster.run(seconds(10));
            cluster.resume(1);
            cluster.run(seconds(60));
            let others = cluster.downs().filter(|report| report.about != 1);
            assert_eq!(others.count(), 0, "{size} nodes, {profile:?}, seed {seed}");
            assert!(cluster.all_agree(), "it is back");
        }
    }
}

#[test]
fn a_starved_node_removes_nobody() {
    let mut cluster = Cluster::joined(32, Profile::Lan, 7);
    for _ in 0..100 {
        cluster.pause(5);
        cluster.run(seconds(1) / 3);
        cluster.resume(5);
        cluster.run(seconds(1) / 50);
    }
    cluster.run(seconds(30));
    let others = cluster.downs().filter(|report| report.about != 5);
    assert_eq!(others.count(), 0);
    assert!(cluster.all_agree());
}

#[test]
fn suspicions_held_while_stopped_are_not_judged_on_waking() {
    for seed in 0..20 {
        let mut cluster = Cluster::joined(8, Profile::Lan, seed);
        cluster.link.loss = 0.5;
        cluster.run(seconds(5));
        cluster.link.loss = 0.0;
        cluster.reports.clear();
        cluster.pause(1);
        cluster.run(seconds(10));
        // The socket's buffer has overflown: nothing tells it that the others are well.
        cluster.nodes[1].waiting.clear();
        cluster.resume(1);
        cluster.run(seconds(30));
        let accused = cluster.downs().find(|report| report.about != 1);
        assert_eq!(accused, None, "seed {seed}");
        assert!(cluster.all_agree());
    }
}
