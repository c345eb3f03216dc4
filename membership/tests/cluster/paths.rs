//! Paths fail while nodes are well: two behind NATs never hear each other.

use shoal_membership::Profile;

use crate::{network::Cluster, seconds};

/// All but the first few are behind NATs: any two of those never hear each other.
fn behind_nats(cluster: &mut Cluster, in_the_open: usize) {
    let hidden = in_the_open..cluster.nodes.len();
    for one in hidden.clone() {
        for two in hidden.clone().filter(|two| *two != one) {
            cluster.severed.insert((one, two));
        }
    }
}

#[test]
fn nobody_is_removed_for_being_behind_a_nat() {
    for (profile, seed, minutes) in [(Profile::Lan, 51, 5), (Profile::Edge, 52, 10)] {
        let mut cluster = Cluster::joined(16, profile, seed);
        behind_nats(&mut cluster, 4);
        cluster.run(seconds(minutes * 60));
        let killed: Vec<_> = cluster.downs().collect();
        assert_eq!(killed.len(), 0, "{profile:?}: {killed:?}");
        assert_eq!(cluster.renewals, 0, "{profile:?}");
        assert!(cluster.all_agree(), "{profile:?}");
    }
}

#[test]
fn with_losses_on_top_neither() {
    let mut cluster = Cluster::joined(16, Profile::Edge, 53);
    behind_nats(&mut cluster, 8);
    cluster.link.loss = 0.1;
    cluster.link.latency_us = 50_000..400_000;
    cluster.run(seconds(20 * 60));
    let killed: Vec<_> = cluster.downs().collect();
    assert_eq!(killed.len(), 0, "{killed:?}");
}

#[test]
fn one_member_that_hears_both_is_enough() {
    let mut cluster = Cluster::joined(8, Profile::Lan, 54);
    behind_nats(&mut cluster, 1);
    cluster.run(seconds(5 * 60));
    assert_eq!(cluster.downs().count(), 0);
}

#[test]
fn a_death_behind_a_nat_is_known_by_all() {
    let mut cluster = Cluster::joined(16, Profile::Lan, 55);
    behind_nats(&mut cluster, 4);
    cluster.run(seconds(30));
    cluster.kill(15);
    let took = cluster.run_until(seconds(60), Cluster::all_agree).unwrap();
    assert!(took < seconds(20), "{took:?}");
    assert!(cluster.downs().all(|report| report.about == 15));
}
