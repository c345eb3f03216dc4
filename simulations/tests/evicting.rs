//! Members that are gone for very long: when they are forgotten, and how they come back.

use std::time::Duration;

use serde_json::json;
use shoal_membership::Profile;
use shoal_scheduler::order::{Order, WriteConcern};
use shoal_sim::{Outcome, World};

const SECOND: Duration = Duration::from_secs(1);
const FORGET_AFTER: Duration = Duration::from_secs(900);

fn cluster(machines: usize, seed: u64) -> World {
    let mut world = World::new(machines, Profile::Lan, seed);
    for machine in &mut world.machines {
        machine.forget_after = Some(FORGET_AFTER);
    }
    world.found();
    world
}

fn create(world: &mut World, index: usize, name: &str) {
    let spec = json!({
        "Name": name,
        "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["serve"]}},
        "Mode": {"Replicated": {"Replicas": 2}},
    });
    let order = Order::CreateService {
        spec_json: spec.to_string(),
    };
    let ticket = world.order_with(index, order, WriteConcern::One);
    let outcome = world.outcome(index, ticket);
    assert!(
        matches!(outcome, Some(Outcome::Ordered(Ok(_)))),
        "{outcome:?}"
    );
}

fn roster(world: &World, index: usize) -> usize {
    let peer = world.machines[index].peer.as_ref();
    peer.map_or(0, |peer| peer.roster().count())
}

#[test]
fn an_agent_that_is_restarted_often_forgets_a_silent_member_all_the_same() {
    let mut world = cluster(2, 1);
    world.cut_power(1);
    // No run of the agent is nearly as long as the time after which a member is forgotten.
    for run in 0..20 {
        assert!(run > 9 || roster(&world, 0) == 2, "run {run} was too early");
        world.run_for(SECOND * 100);
        world.kill_agent(0);
        world.boot(0);
    }
    world.run_for(SECOND);
    assert_eq!(roster(&world, 0), 1);
}

#[test]
fn a_member_that_is_heard_of_again_starts_from_nothing() {
    let mut world = cluster(2, 2);
    for _ in 0..4 {
        world.cut_power(1);
        world.run_for(SECOND * 400);
        world.boot(1);
        world.run_for(SECOND * 120);
    }
    assert_eq!(roster(&world, 0), 2);
}

#[test]
fn a_frozen_agent_does_not_count_the_time_in_which_it_could_hear_nobody() {
    let mut world = cluster(2, 3);
    world.cut_power(1);
    world.run_for(SECOND * 60);
    world.freeze(0, FORGET_AFTER * 2);
    world.run_for(FORGET_AFTER * 2 + SECOND * 60);
    assert_eq!(roster(&world, 0), 2);
}

#[test]
fn two_halves_that_evicted_each_other_merge_and_lose_nothing() {
    for seed in 10..13 {
        let mut world = cluster(4, seed);
        create(&mut world, 0, "before");
        world.run_for(SECOND * 10);
        world.links.partition(&[0, 1], &[2, 3]);
        world.run_for(SECOND * 60);
        create(&mut world, 0, "left");
        create(&mut world, 2, "right");
        world.run_for(FORGET_AFTER + SECOND * 300);
        assert_eq!([0, 1, 2, 3].map(|index| roster(&world, index)), [2; 4]);
        create(&mut world, 1, "left-late");
        create(&mut world, 3, "right-late");
        world.links.mend();
        let is_whole = world.run_until(SECOND * 300, |world| {
            world.registries_agree() && (0..4).all(|index| roster(world, index) == 4)
        });
        let rosters = [0, 1, 2, 3].map(|index| roster(&world, index));
        assert!(is_whole, "seed {seed}: {rosters:?}");
        for name in ["before", "left", "right", "left-late", "right-late"] {
            let runs = world.run_until(SECOND * 120, |world| world.runs_exactly(name, 2));
            assert!(runs, "seed {seed}: {name}: {:?}", world.running_tasks(name));
        }
        world.run_for(FORGET_AFTER);
        assert_eq!([0, 1, 2, 3].map(|index| roster(&world, index)), [4; 4]);
    }
}
