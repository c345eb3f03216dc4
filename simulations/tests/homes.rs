//! Where the data of a slot is at home, and stays.

use std::time::Duration;

use serde_json::json;
use shoal_membership::Profile;
use shoal_scheduler::order::Order;
use shoal_sim::{Outcome, World};

const SECOND: Duration = Duration::from_secs(1);

fn database(world: &mut World, replicas: usize) {
    let spec = json!({
        "Name": "db",
        "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["serve"],
            "Mounts": [{"Type": "volume", "Source": "data", "Target": "/data"}]}},
        "Mode": {"Replicated": {"Replicas": replicas}},
    });
    let order = Order::CreateService {
        spec_json: spec.to_string(),
    };
    let ticket = world.order(0, order);
    assert!(matches!(
        world.outcome(0, ticket),
        Some(Outcome::Ordered(Ok(_)))
    ));
    assert!(world.run_until(SECOND * 5, |world| world.runs_exactly("db", replicas)));
}

/// First seen with real engines: a machine that booted unplugged ran all slots, with homes of its own;
/// plugged in again, its later word won, and what had run with its data all the while was stopped.
#[test]
fn a_machine_that_was_alone_does_not_take_data_from_those_who_have_it() {
    for seed in 0..20 {
        let mut world = World::cluster(3, Profile::Lan, seed);
        database(&mut world, 3);
        let before = world.running_tasks("db");
        world.run_for(SECOND * 30);
        world.links.partition(&[2], &[0, 1]);
        world.cut_power(2);
        world.run_for(SECOND);
        world.boot(2);
        // Each side runs all it can.
        world.run_for(SECOND * 60);
        world.links.mend();
        let settled = |world: &World| world.registries_agree() && world.runs_exactly("db", 3);
        assert!(world.run_until(SECOND * 120, settled), "seed {seed}");
        world.run_for(SECOND * 60);
        assert!(world.runs_exactly("db", 3), "seed {seed}");
        let after = world.running_tasks("db");
        for task in before.iter().filter(|(node, _)| *node != 2) {
            assert!(
                after.contains(task),
                "seed {seed}: {before:?} became {after:?}"
            );
        }
    }
}

/// Away for so long that others took its slots, but never down: its data is the older.
#[test]
fn a_machine_that_only_stood_still_keeps_its_data() {
    let mut world = World::cluster(3, Profile::Lan, 7);
    database(&mut world, 3);
    let before = world.running_tasks("db");
    world.run_for(SECOND * 30);
    world.links.partition(&[2], &[0, 1]);
    world.run_for(SECOND * 60);
    world.links.mend();
    let settled = |world: &World| world.registries_agree() && world.runs_exactly("db", 3);
    assert!(world.run_until(SECOND * 120, settled));
    world.run_for(SECOND * 60);
    assert_eq!(world.running_tasks("db"), before);
}

/// Really down: the others' copies are what there is, and its return changes nothing.
#[test]
fn a_machine_that_was_down_finds_its_slots_at_home_elsewhere() {
    let mut world = World::cluster(3, Profile::Lan, 8);
    database(&mut world, 3);
    world.run_for(SECOND * 30);
    world.cut_power(2);
    assert!(world.run_until(SECOND * 30, |world| world.runs_exactly("db", 3)));
    world.run_for(SECOND * 30);
    let healed = world.running_tasks("db");
    world.boot(2);
    world.run_for(SECOND * 120);
    assert_eq!(world.running_tasks("db"), healed);
}
