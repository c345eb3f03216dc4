use shoal_membership::{Liveness, Profile};

use crate::{
    network::{Cluster, id},
    seconds,
};

#[test]
fn a_death_is_known_by_all_and_nobody_else_is_missed() {
    for seed in 0..20 {
        let mut cluster = Cluster::joined(5, Profile::Lan, seed);
        cluster.kill(2);
        let took = cluster.run_until(seconds(10), Cluster::all_agree).unwrap();
        assert!(took < seconds(5), "seed {seed}: {took:?}");
        assert!(cluster.downs().all(|report| report.about == 2));
        assert_eq!(cluster.downs().count(), 4, "each reports it once");
    }
}

#[test]
fn a_leave_is_known_by_all_at_once() {
    for size in [2, 5, 32] {
        let mut cluster = Cluster::joined(size, Profile::Lan, 3);
        cluster.act(1, |membership, now| membership.leave(now));
        let took = cluster
            .run_until(seconds(5), |cluster| cluster.all_miss(1))
            .unwrap();
        assert!(took < seconds(1), "{size} nodes: {took:?}");
        cluster.run(seconds(30));
        assert!(cluster.all_miss(1), "it stays away");
        assert!(cluster.downs().all(|report| report.about == 1));
        assert_eq!(cluster.nodes[1].membership.next_deadline(), None);
    }
}

#[test]
fn a_dead_member_can_be_forgotten_and_a_living_one_can_not() {
    let mut cluster = Cluster::joined(3, Profile::Lan, 1);
    cluster.kill(2);
    cluster.run_until(seconds(10), Cluster::all_agree).unwrap();
    cluster.act(0, |membership, _| {
        assert_eq!(membership.member(id(2)).unwrap().1, Liveness::Down);
        assert!(membership.forget(id(2)));
        assert!(!membership.forget(id(2)) && !membership.forget(id(1)));
        assert!(membership.member(id(2)).is_none());
        assert_eq!(membership.member_list().len(), 2);
    });
}
