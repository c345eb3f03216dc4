//! Jobs come to their end with nobody who counts, and nothing is done twice but what a dead machine had begun.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};
use shoal_membership::Profile;
use shoal_scheduler::{
    order::Order,
    task::{Slot, TaskId},
};
use shoal_sim::{Outcome, World};

const SECOND: Duration = Duration::from_secs(1);

fn deploy(world: &mut World, mode: &Value) {
    let spec_json = json!({
        "Name": "sums",
        "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["ends"]}},
        "Mode": mode,
    })
    .to_string();
    let ticket = world.order(0, Order::CreateService { spec_json });
    let outcome = world.outcome(0, ticket);
    assert!(
        matches!(outcome, Some(Outcome::Ordered(Ok(_)))),
        "{outcome:?}"
    );
}

/// Lets it run until all machines know of so many runs that are done. How often each was made, and how many were
/// under way at most.
fn watch(
    world: &mut World,
    runs: u64,
    mut meanwhile: impl FnMut(&mut World),
) -> (BTreeMap<(Slot, u64), usize>, usize) {
    let mut made: BTreeMap<TaskId, (Slot, u64)> = BTreeMap::new();
    let mut most = 0;
    let end = world.now() + SECOND * 200;
    while world.next_event(end).is_some() {
        let tasks = world.machines.iter().flat_map(|one| one.tasks.values());
        let running: Vec<_> = tasks.filter(|task| task.is_running).collect();
        let slots: BTreeSet<Slot> = running.iter().map(|task| task.report.slot).collect();
        most = most.max(slots.len());
        made.extend(
            running
                .iter()
                .map(|task| (task.report.id, (task.report.slot, task.report.run))),
        );
        meanwhile(world);
        let mut peers = world.machines.iter().filter_map(|one| one.peer.as_ref());
        if peers.all(|peer| peer.jobs().all(|(_, job)| job.completed() == runs)) {
            let mut counts = BTreeMap::new();
            for run in made.values() {
                *counts.entry(*run).or_default() += 1;
            }
            return (counts, most);
        }
    }
    panic!("not all was done: {made:?}");
}

#[test]
fn each_run_is_made_once_and_no_more_at_a_time_than_may_be() {
    for seed in 0..20 {
        let mut world = World::cluster(5, Profile::Lan, seed);
        deploy(
            &mut world,
            &json!({"ReplicatedJob": {"MaxConcurrent": 3, "TotalCompletions": 10}}),
        );
        let (made, most) = watch(&mut world, 10, |_| {});
        assert!(most <= 3, "seed {seed}: {most}");
        let once = (1..=10).map(|run| ((Slot::Number((run - 1) % 3 + 1), run), 1));
        assert_eq!(made, once.collect(), "seed {seed}");
    }
}

#[test]
fn what_a_machine_had_done_is_not_done_again_when_it_dies() {
    for seed in 0..20 {
        let mut world = World::cluster(5, Profile::Lan, seed);
        deploy(
            &mut world,
            &json!({"ReplicatedJob": {"MaxConcurrent": 5, "TotalCompletions": 20}}),
        );
        let mut is_cut = false;
        let (made, _) = watch(&mut world, 20, |world| {
            let peer = world.machines[0].peer.as_ref();
            let done = peer.map_or(0, |peer| peer.jobs().map(|(_, job)| job.completed()).sum());
            if done >= 8 && !is_cut {
                is_cut = true;
                world.cut_power(4);
            }
        });
        assert_eq!(made.len(), 20, "seed {seed}: {made:?}");
        // What it had done and nobody had heard of, and what it had begun.
        let again = made.values().filter(|times| **times > 1).count();
        assert!(again <= 2, "seed {seed}: {made:?}");
    }
}

#[test]
fn a_global_job_runs_once_on_each_machine() {
    let mut world = World::cluster(4, Profile::Lan, 1);
    deploy(&mut world, &json!({"GlobalJob": {}}));
    let (made, _) = watch(&mut world, 4, |_| {});
    assert_eq!(made.len(), 4);
    assert!(made.values().all(|times| *times == 1), "{made:?}");
    // Nothing more comes of it.
    world.run_for(SECOND * 60);
    assert!(world.running_tasks("sums").is_empty());
}
