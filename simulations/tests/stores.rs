//! Stores that are lost or found damaged: what runs goes on, and what is known is written anew.

use std::time::Duration;

use serde_json::json;
use shoal_membership::Profile;
use shoal_scheduler::{
    order::{Order, WriteConcern},
    registry::kind,
};
use shoal_sim::{Outcome, World};

const SECOND: Duration = Duration::from_secs(1);

fn spec(name: &str, replicas: u64) -> serde_json::Value {
    json!({
        "Name": name,
        "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["serve"]}},
        "Mode": {"Replicated": {"Replicas": replicas}},
    })
}

fn create(world: &mut World, index: usize, spec: &serde_json::Value, concern: WriteConcern) {
    let order = Order::CreateService {
        spec_json: spec.to_string(),
    };
    let ticket = world.order_with(index, order, concern);
    match world.outcome(index, ticket) {
        Some(Outcome::Ordered(Ok(_))) => {}
        other => panic!("the order ended otherwise: {other:?}"),
    }
}

fn is_on_disk(world: &World, name: &str) -> bool {
    let memory = world.machines[0].disk.memory();
    let mut writes = memory
        .writes
        .into_iter()
        .filter_map(|bytes| bytes.open().ok());
    writes.any(|signed| signed.write.key.kind == kind::SERVICE && signed.write.key.name == name)
}

#[test]
fn a_store_that_is_refilled_stops_nothing_that_runs() {
    let mut world = World::cluster(3, Profile::Lan, 8);
    create(&mut world, 0, &spec("web", 6), WriteConcern::All);
    assert!(world.run_until(SECOND * 3, |world| world.runs_exactly("web", 6)));
    world.run_for(SECOND * 10);
    let before = world.running_tasks("web");
    world.kill_agent(1);
    world.machines[1].disk.lose_entries();
    world.boot(1);
    let until = world.now() + SECOND * 30;
    while world.now() < until {
        world.run_for(Duration::from_millis(20));
        assert_eq!(world.running_tasks("web"), before);
    }
    assert!(world.registries_agree());

    world.kill_agent(1);
    world.machines[1].disk.lose_entries();
    world.links.partition(&[1], &[0, 2]);
    world.boot(1);
    world.run_for(SECOND * 30);
    let on_it = |tasks: &[(usize, _)]| tasks.iter().filter(|(index, _)| *index == 1).count();
    assert_eq!(
        on_it(&world.running_tasks("web")),
        on_it(&before),
        "it stopped what it can't judge"
    );
}

#[test]
fn a_store_found_damaged_while_the_agent_runs_is_written_anew_from_its_memory() {
    // Alone: nobody else could refill it.
    let mut world = World::cluster(1, Profile::Lan, 11);
    create(&mut world, 0, &spec("web", 2), WriteConcern::Local);
    assert!(world.run_until(SECOND * 3, |world| world.runs_exactly("web", 2)));
    let before = world.running_tasks("web");
    world.machines[0].disk.is_damaged = true;
    let order = Order::CreateService {
        spec_json: spec("next", 1).to_string(),
    };
    let ticket = world.order_with(0, order, WriteConcern::Local);
    let refused = world.outcome(0, ticket);
    assert!(
        matches!(&refused, Some(Outcome::Ordered(Err(error))) if error.to_string().contains("damaged")),
        "{refused:?}"
    );
    create(&mut world, 0, &spec("next", 1), WriteConcern::Local);
    world.run_for(SECOND);
    world.kill_agent(0);
    world.boot(0);
    world.run_for(SECOND * 30);
    assert_eq!(world.running_tasks("web"), before);
    assert!(world.runs_exactly("next", 1));
    assert!(is_on_disk(&world, "web"));
}
