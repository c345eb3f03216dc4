use shoal_membership::{Liveness, Output, Profile};

use crate::{
    network::{Cluster, id},
    seconds,
};

#[test]
fn a_restart_is_accepted_at_once() {
    let mut cluster = Cluster::joined(5, Profile::Lan, 31);
    cluster.kill(3);
    cluster.restart(3);
    assert_eq!(cluster.nodes[3].persisted, 2);
    let took = cluster.run_until(seconds(10), |cluster| {
        cluster.all_agree()
            && cluster.nodes[0]
                .membership
                .member(id(3))
                .unwrap()
                .0
                .incarnation
                == 2
    });
    assert!(took.unwrap() < seconds(5), "{took:?}");
    assert_eq!(cluster.downs().count(), 0, "no death in between");
}

#[test]
fn a_node_declared_dead_comes_back_with_its_next_incarnation() {
    for days in [0, 2] {
        let mut cluster = Cluster::joined(3, Profile::Lan, 32);
        cluster.kill(2);
        cluster.run_until(seconds(10), Cluster::all_agree).unwrap();
        cluster.run(seconds(days * 25 * 3_600 / 2));
        cluster.restart(2);
        let took = cluster.run_until(seconds(20), Cluster::all_agree).unwrap();
        assert!(took < seconds(6), "after {days} half days: {took:?}");
        assert_eq!(cluster.renewals, 0, "it won at once");
    }
}

#[test]
fn a_restored_image_goes_above_what_the_others_remember() {
    let mut cluster = Cluster::joined(3, Profile::Lan, 33);
    cluster.kill(2);
    cluster.restart_as(2, 9);
    cluster.run_until(seconds(20), Cluster::all_agree).unwrap();
    cluster.run(seconds(5));
    cluster.kill(2);
    cluster.restart_as(2, 4);
    cluster
        .run_until(seconds(20), |cluster| cluster.nodes[2].persisted > 9)
        .unwrap();
    cluster.run(seconds(10));
    assert!(cluster.all_agree());
    assert_eq!(
        cluster.nodes[0]
            .membership
            .member(id(2))
            .unwrap()
            .0
            .incarnation,
        10
    );
}

#[test]
fn persisting_comes_before_the_packets_that_carry_it() {
    let mut cluster = Cluster::joined(3, Profile::Lan, 34);
    let now = cluster.moment();
    let membership = &mut cluster.nodes[1].membership;
    let address = std::net::SocketAddr::from(([10, 9, 9, 9], 7900));
    membership.change_addresses(vec![address], now).unwrap();
    let outputs: Vec<_> = std::iter::from_fn(|| membership.poll()).collect();
    assert_eq!(outputs[0], Output::PersistIncarnation(2));
    assert!(matches!(&outputs[1], Output::Renewed(me) if me.addresses.as_slice() == [address]));
    assert!(
        outputs
            .iter()
            .any(|output| matches!(output, Output::Send { .. }))
    );
}

#[test]
fn changed_addresses_are_known_by_all_without_a_death() {
    let mut cluster = Cluster::joined(5, Profile::Lan, 35);
    let address = std::net::SocketAddr::from(([10, 9, 9, 9], 7900));
    cluster.act(1, |membership, now| {
        membership.change_addresses(vec![address], now).unwrap();
    });
    cluster.run(seconds(10));
    for node in [0, 2, 3, 4] {
        let (member, liveness) = cluster.nodes[node].membership.member(id(1)).unwrap();
        assert_eq!(member.addresses.as_slice(), [address]);
        assert_eq!(liveness, Liveness::Alive);
    }
    assert_eq!(cluster.downs().count(), 0);
    let now = cluster.moment();
    let five = vec![address; 5];
    assert!(
        cluster.nodes[1]
            .membership
            .change_addresses(five, now)
            .is_err()
    );
}
