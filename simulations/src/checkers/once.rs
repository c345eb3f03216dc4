//! In the end every slot that can be placed runs exactly once, and nothing else runs.
//!
//! Why: it is what people ordered.

use std::collections::{BTreeMap, BTreeSet};

use shoal_membership::NodeId;
use shoal_scheduler::task::{ServiceId, Slot};

use super::Checker;
use crate::World;

/// The rule.
#[derive(Debug)]
pub(super) struct Once;

impl Checker for Once {
    fn name(&self) -> &'static str {
        "every slot runs once"
    }

    fn at_rest(&self, world: &World) -> Result<(), String> {
        let mut copies: BTreeMap<(ServiceId, Slot), usize> = BTreeMap::new();
        let tasks = world
            .machines
            .iter()
            .flat_map(|machine| machine.tasks.values());
        for task in tasks.filter(|task| task.is_running) {
            *copies
                .entry((task.report.service, task.report.slot))
                .or_default() += 1;
        }
        let first = world
            .machines
            .iter()
            .find_map(|machine| machine.peer.as_ref());
        let Some(peer) = first else {
            return Err("no agent runs".to_owned());
        };
        let (_, plan) = peer.placement();
        // A run of a job is over when it is.
        let jobs: BTreeSet<ServiceId> = peer.jobs().map(|(id, _)| id).collect();
        copies.retain(|(service, _), _| !jobs.contains(service));
        // Who can't open a secret runs nothing that needs it.
        let lost: BTreeSet<ServiceId> = peer.without_a_key(&|node| is_alive(world, node)).collect();
        copies.retain(|(service, _), _| !lost.contains(service));
        let wanted: BTreeMap<(ServiceId, Slot), usize> = plan
            .iter()
            .filter(|(service, ..)| !jobs.contains(service) && !lost.contains(service))
            .map(|(service, slot, _)| ((service, slot), 1))
            .collect();
        let all: BTreeSet<_> = copies.keys().chain(wanted.keys()).copied().collect();
        let count = |of: &BTreeMap<_, usize>, slot: &_| of.get(slot).copied().unwrap_or(0);
        let wrong = all.iter().find_map(|slot| {
            let (runs, should) = (count(&copies, slot), count(&wanted, slot));
            (runs != should).then_some((slot, runs, should))
        });
        match wrong {
            None => Ok(()),
            Some((slot, runs, should)) => Err(format!(
                "slot {} of {} runs {runs} times, not {should}: {}",
                slot.1,
                slot.0,
                whereabouts(world, slot)
            )),
        }
    }
}

fn is_alive(world: &World, node: &NodeId) -> bool {
    let mut running = world.running().into_iter();
    running.any(|one| world.machines[one].id() == *node)
}

/// Where a slot's tasks run, for the report.
fn whereabouts(world: &World, slot: &(ServiceId, Slot)) -> String {
    let machines = world.machines.iter().enumerate();
    let tasks = machines.flat_map(|(index, one)| one.tasks.values().map(move |task| (index, task)));
    let copies = tasks.filter(|(_, task)| (task.report.service, task.report.slot) == *slot);
    let said: Vec<String> = copies
        .map(|(index, task)| {
            let (is_running, is_over) = (task.is_running, task.is_over);
            let (name, id) = (&task.report.service_name, task.report.id);
            format!(
                "n{}: {name} {id} running={is_running} over={is_over}",
                index + 1
            )
        })
        .collect();
    said.join(", ")
}
