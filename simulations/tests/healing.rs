//! Copies of slots that both sides of a cut ran: when it heals, one of each goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::json;
use shoal_membership::Profile;
use shoal_scheduler::{
    order::Order,
    task::{Slot, TaskId},
};
use shoal_sim::{Outcome, World};

const SECOND: Duration = Duration::from_secs(1);
const SLOTS: usize = 4;
const FROZEN: Duration = Duration::from_millis(2_500);

fn deploy(world: &mut World) {
    let spec_json = json!({
        "Name": "web",
        "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["serve"]}},
        "Mode": {"Replicated": {"Replicas": SLOTS}},
    })
    .to_string();
    let ticket = world.order(0, Order::CreateService { spec_json });
    let outcome = world.outcome(0, ticket);
    assert!(matches!(outcome, Some(Outcome::Ordered(Ok(_)))));
    let runs = world.run_until(SECOND * 5, |world| world.runs_exactly("web", SLOTS));
    assert!(runs, "{:?}", world.running_tasks("web"));
}

type Copies = BTreeMap<(Slot, usize), TaskId>;

fn copies(world: &World) -> Copies {
    let machines = world.machines.iter().enumerate();
    machines
        .flat_map(|(index, machine)| machine.tasks.values().map(move |task| (index, task)))
        .filter(|(_, task)| task.is_running)
        .map(|(index, task)| ((task.report.slot, index), task.report.id))
        .collect()
}

/// Heals a cut, freezes the machines of the greater side but one for a while, so that the lonely one
/// finds them one by one, and says what was wrong: a slot without a running task for a moment, or one that ends on
/// a machine that had a copy of it before, in another task.
fn faults_of_healing(machines: usize, freezes_after: Duration, seed: u64) -> Vec<String> {
    let mut world = World::cluster(machines, Profile::Lan, seed);
    deploy(&mut world);
    let others: Vec<usize> = (0..machines - 1).collect();
    world.links.partition(&others, &[machines - 1]);
    world.run_for(SECOND * 20);
    let is_at_rest = world.run_until(SECOND * 60, |world| copies(world).len() == 2 * SLOTS);
    let before = copies(&world);
    assert!(is_at_rest, "{before:?}");
    world.links.mend();
    world.run_for(freezes_after);
    for other in &others[1..] {
        world.freeze(*other, FROZEN);
    }
    let mut faults = Vec::new();
    let end = world.now() + SECOND * 60;
    while world.next_event(end).is_some() {
        let now = copies(&world);
        let slots: BTreeSet<_> = now.keys().map(|(slot, _)| *slot).collect();
        if slots.len() < SLOTS && faults.is_empty() {
            faults.push(format!("{:?}: only {slots:?} run", world.now()));
        }
    }
    assert!(world.runs_exactly("web", SLOTS), "{:?}", copies(&world));
    let restarted = copies(&world)
        .into_iter()
        .filter(|(at, task)| before.get(at).is_some_and(|copy| copy != task));
    faults.extend(restarted.map(|((slot, machine), _)| format!("{slot} restarted on {machine}")));
    faults
}

fn goes_well(machines: usize, freezes_after: u64, seed: u64) {
    let freezes_after = Duration::from_millis(freezes_after);
    let faults = faults_of_healing(machines, freezes_after, seed);
    assert!(
        faults.is_empty(),
        "{machines} machines, frozen after {freezes_after:?}, seed {seed}: {faults:?}"
    );
}

#[test]
fn a_slot_of_both_sides_goes_on_in_one_copy_throughout() {
    for machines in [3, 5] {
        for freezes_after in [100, 4_000, 4_800] {
            for seed in 0..10 {
                goes_well(machines, freezes_after, seed);
            }
        }
    }
}

/// Each node planned with those that it had heard of, and stopped its copy for another's at once: some
/// slots were left without any, others went to and fro.
#[test]
fn what_was_found_once_is_not_found_again() {
    for (machines, freezes_after, seed) in [
        (3, 4_000, 86),
        (3, 4_000, 101),
        (5, 4_000, 16),
        (5, 4_000, 60),
        (5, 4_800, 23),
        (5, 4_800, 28),
    ] {
        goes_well(machines, freezes_after, seed);
    }
}
