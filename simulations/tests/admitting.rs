//! Who was admitted by one that is gone: what the others make of it.

use std::time::Duration;

use shoal_membership::Profile;
use shoal_scheduler::order::Order;
use shoal_sim::{Outcome, World};

const SECOND: Duration = Duration::from_secs(1);

/// Three machines and a fourth that joined by way of the first while the first was cut off from the
/// others. Now the first is cut off from the fourth, too.
fn admitted_apart(seed: u64) -> World {
    let mut world = World::new(4, Profile::Lan, seed);
    world.found_with(3);
    world.links.partition(&[0, 3], &[1, 2]);
    assert_eq!(world.join(3, 0), None);
    world.run_for(SECOND * 2);
    world.links.mend();
    world.links.partition(&[0], &[1, 2, 3]);
    assert!(!world.admissions_are_known());
    world
}

#[test]
fn a_node_whose_admitter_died_before_others_heard_of_it_shows_its_admission() {
    for seed in 0..5 {
        let mut world = admitted_apart(seed);
        world.wipe(0);
        let came = world.run_until(SECOND * 30, |world| world.all_see(&[1, 2, 3], &[1, 2, 3]));
        assert!(came, "seed {seed}: it stays a stranger");
        assert!(world.admissions_are_known());
    }
}

#[test]
fn a_node_whose_admitter_was_removed_before_others_heard_of_it_stays_outside() {
    let mut world = admitted_apart(7);
    let node = world.machines[0].id();
    let remove = world.order(1, Order::RemoveNode { node, force: true });
    let outcome = world.outcome(1, remove);
    assert!(
        matches!(outcome, Some(Outcome::Ordered(Ok(_)))),
        "{outcome:?}"
    );
    world.run_for(SECOND * 30);
    let stranger = world.machines[3].id();
    for index in [1, 2] {
        let peer = world.machines[index].peer.as_ref().unwrap();
        assert!(peer.registry().trust().key_of(&stranger).is_none());
    }
}

#[test]
fn a_newcomer_finds_those_who_were_away_when_it_joined_though_its_admitter_is_gone() {
    let mut world = World::new(3, Profile::Lan, 3);
    world.found_with(2);
    world.cut_power(0);
    world.run_for(SECOND * 10);
    assert_eq!(world.join(2, 1), None);
    world.cut_power(1);
    world.boot(0);
    let came = world.run_until(SECOND * 60, |world| world.all_see(&[0, 2], &[0, 2]));
    assert!(came, "the two that are left don't find each other");
}
