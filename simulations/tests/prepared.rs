//! A cluster that was prepared is like one that was founded and joined, and has nothing left to say.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use shoal_membership::Profile;
use shoal_scheduler::order::Order;
use shoal_sim::World;

const SECOND: Duration = Duration::from_secs(1);

fn deploy(world: &mut World, replicas: usize) {
    let spec_json = format!(
        r#"{{"Name":"web","TaskTemplate":{{"ContainerSpec":{{"Image":"scratch","Command":["serve"]}}}},"Mode":{{"Replicated":{{"Replicas":{replicas}}}}}}}"#
    );
    world.order(0, Order::CreateService { spec_json });
    assert!(world.run_until(30 * SECOND, |world| world.runs_exactly("web", replicas)));
}

#[test]
fn it_agrees_from_the_start_and_stays_quiet() {
    let mut world = World::prepared(30, Profile::Lan, 1);
    let everybody: Vec<usize> = (0..30).collect();
    for _ in 0..2 {
        assert!(world.all_see(&everybody, &everybody) && world.registries_agree());
        world.run_for(300 * SECOND);
    }
    // Every 35 s or so each compares its members with another: a question and an answer of a few bytes.
    assert!(world.traffic.messages < 30 * 600 / 20 * 2);
    assert!(world.traffic.message_bytes_max < 100);
    let writes = world.machines.iter().map(|machine| machine.disk.writes);
    assert_eq!(writes.max(), Some(1), "only the incarnation is reserved");
}

#[test]
fn it_deploys_heals_and_reboots() {
    let mut world = World::prepared(12, Profile::Lan, 2);
    deploy(&mut world, 24);
    world.cut_power(5);
    assert!(world.run_until(10 * SECOND, |world| world.runs_exactly("web", 24)));
    world.boot(5);
    let everybody: Vec<usize> = (0..12).collect();
    assert!(world.run_until(10 * SECOND, |world| world.all_see(&everybody, &everybody)));
    world.run_for(120 * SECOND);
    assert!(world.registries_agree() && world.runs_exactly("web", 24));
}

#[test]
fn it_is_what_a_cluster_becomes_that_was_founded_and_joined() {
    let mut joined = World::cluster(8, Profile::Lan, 3);
    joined.run_for(60 * SECOND);
    let prepared = World::prepared(8, Profile::Lan, 3);
    let names = |world: &World, index: usize| {
        let peer = world.machines[index].peer.as_ref().unwrap();
        let entries = peer.registry().entries();
        let names = entries.map(|(key, _)| (key.kind.clone(), key.name.clone()));
        let mut names: Vec<_> = names.filter(|(kind, _)| kind != "token-use").collect();
        names.sort();
        (names, peer.roster().collect::<Vec<_>>())
    };
    for index in 0..8 {
        assert_eq!(names(&joined, index), names(&prepared, index));
    }
}

#[test]
fn a_seed_gives_one_run() {
    let run = |seed| {
        let mut world = World::prepared(20, Profile::Lan, seed);
        deploy(&mut world, 10);
        world.run_for(30 * SECOND);
        world.trace
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
