//! Things that machines have a few of are held by one task each, through updates and failures.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use shoal_membership::Profile;
use shoal_scheduler::{generic::Stock, order::Order, task::TaskState};
use shoal_sim::{Outcome, World};

const SECOND: Duration = Duration::from_secs(1);
const CARDS: u64 = 2;

fn spec(replicas: u64, version: &str) -> String {
    let card = json!({"DiscreteResourceSpec": {"Kind": "card", "Value": 1}});
    json!({
        "Name": "render",
        "TaskTemplate": {
            "ContainerSpec": {"Image": "scratch", "Command": ["serve", version]},
            "Resources": {"Reservations": {"GenericResources": [card]}},
        },
        "Mode": {"Replicated": {"Replicas": replicas}},
        "UpdateConfig": {"Parallelism": 2, "Monitor": 1_000_000_000},
    })
    .to_string()
}

fn ordered(world: &mut World, order: Order) {
    let ticket = world.order(0, order);
    let outcome = world.outcome(0, ticket);
    let is_ok = matches!(outcome, Some(Outcome::Ordered(Ok(_))));
    assert!(is_ok, "the order ended otherwise: {outcome:?}");
}

/// Three machines, two of which have two cards each.
fn cluster(seed: u64) -> World {
    let mut world = World::cluster(3, Profile::Lan, seed);
    for machine in [0, 1] {
        let names = (0..CARDS).map(|card| format!("n{machine}-{card}"));
        let stock = Stock::Names(names.collect());
        world.change_facts(machine, |facts| {
            facts.generic_resources = [("card".to_owned(), stock)].into();
        });
    }
    world.run_for(SECOND);
    world
}

/// Gives it another spec, and the template that it had.
fn update(world: &mut World, spec_json: String) -> u64 {
    let peer = world.machines[0].peer.as_mut().expect("an agent");
    let view = peer.view();
    let (service, known) = view.services.first_key_value().expect("a service");
    let (service, version, template) = (*service, known.version, known.template);
    let order = Order::UpdateService {
        service,
        version,
        spec_json: Some(spec_json),
    };
    ordered(world, order);
    template
}

/// The cards that tasks hold which run, each once or it panics.
fn held(world: &World) -> BTreeSet<String> {
    let mut held = BTreeSet::new();
    for machine in &world.machines {
        for task in machine.tasks.values().filter(|task| task.is_running) {
            for card in task.report.generic.iter().flat_map(|one| &one.names) {
                assert!(held.insert(card.clone()), "{card} is held twice");
            }
        }
    }
    held
}

fn until_all_are_held(world: &mut World, template: Option<u64>) {
    let end = world.now() + SECOND * 60;
    while world.next_event(end).is_some() {
        let cards = held(world);
        let mut tasks = world.machines.iter().flat_map(|one| one.tasks.values());
        let is_new = tasks.all(|task| !task.is_running || Some(task.report.template) != template);
        if cards.len() == 4 && is_new {
            return;
        }
    }
    panic!("{:?} of 4 cards are held", held(world));
}

#[test]
fn each_card_is_held_by_one_task_through_an_update_and_what_finds_none_waits() {
    for seed in 0..20 {
        let mut world = cluster(seed);
        let spec_json = spec(4, "1");
        ordered(&mut world, Order::CreateService { spec_json });
        until_all_are_held(&mut world, None);

        let former = update(&mut world, spec(4, "2"));
        until_all_are_held(&mut world, Some(former));
        world.run_for(SECOND * 10);

        // One too many: whichever waits then, nothing is held twice, and nothing is left unused.
        update(&mut world, spec(5, "2"));
        let end = world.now() + SECOND * 30;
        while world.next_event(end).is_some() {
            held(&world);
        }
        assert_eq!(held(&world).len(), 4, "seed {seed}");
        let pending = world.machines[2].peer.as_mut().expect("an agent").view();
        let refused = pending
            .tasks
            .values()
            .filter(|task| task.report.state == TaskState::Rejected);
        assert_eq!(
            refused.count(),
            0,
            "seed {seed}: who had the card did not make room"
        );
        let reasons: Vec<&str> = pending
            .pending
            .iter()
            .map(|one| one.reason.as_str())
            .collect();
        assert_eq!(
            reasons,
            ["no suitable node (insufficient resources on 3 nodes)"],
            "seed {seed}"
        );
    }
}
