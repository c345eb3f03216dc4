use shoal_membership::Profile;

use crate::{network::Cluster, seconds};

fn join(size: usize, within_s: u64) {
    let mut cluster = Cluster::new(size, Profile::Lan, size as u64);
    let took = cluster.run_until(seconds(within_s), Cluster::all_agree);
    assert!(took.is_some(), "{size} nodes in {within_s} s");
    cluster.run(seconds(20));
    assert!(cluster.all_agree());
    assert_eq!(cluster.downs().count(), 0);
    let digests: Vec<u64> = (0..size)
        .map(|node| cluster.nodes[node].membership.digest())
        .collect();
    assert!(digests.iter().all(|digest| *digest == digests[0]));
}

#[test]
fn three_and_five_nodes_find_each_other() {
    join(3, 10);
    join(5, 10);
}

#[test]
fn thirty_two_nodes_find_each_other() {
    join(32, 20);
}

#[test]
fn two_hundred_nodes_find_each_other() {
    join(200, 30);
}
