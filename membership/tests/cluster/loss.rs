use shoal_membership::Profile;

use crate::{network::Cluster, seconds};

#[test]
fn no_healthy_node_is_removed_at_a_fifth_of_packets_lost() {
    let mut cluster = Cluster::joined(32, Profile::Lan, 11);
    cluster.link.loss = 0.2;
    cluster.run(seconds(20 * 60));
    assert_eq!(cluster.downs().count(), 0);
    assert_eq!(cluster.renewals, 0, "refuted suspicions renew nobody");
    assert!(cluster.all_agree());
}

#[test]
fn no_healthy_node_is_removed_on_bad_edge_links() {
    let mut cluster = Cluster::joined(16, Profile::Edge, 12);
    cluster.link.loss = 0.2;
    cluster.link.latency_us = 50_000..400_000;
    cluster.run(seconds(30 * 60));
    assert_eq!(cluster.downs().count(), 0);
    assert_eq!(cluster.renewals, 0);
}

#[test]
fn a_death_is_known_by_all_in_spite_of_loss() {
    let mut cluster = Cluster::joined(32, Profile::Lan, 13);
    cluster.link.loss = 0.2;
    cluster.run(seconds(10));
    cluster.kill(31);
    let took = cluster.run_until(seconds(30), Cluster::all_agree).unwrap();
    assert!(took < seconds(10), "{took:?}");
    assert!(cluster.downs().all(|report| report.about == 31));
}
