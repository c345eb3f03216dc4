//! What runs goes on running: once the faults are over, no slot that runs is ever without a copy.
//!
//! Why: make before break. A task is moved only when its successor runs; without faults there is no
//! reason for a moment without one. A task that an update replaces goes first, as in Swarm: an update of
//! before the end may reach a node after it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shoal_scheduler::{
    spec::ServiceSpec,
    task::{ServiceId, Slot, TaskId, TaskReport},
};

use super::{Checker, Happening};
use crate::{
    World,
    runtime::{CRASHES, ENDS},
};

/// What was believed during the last fault is still acted upon for so long.
const AFTERMATH: Duration = Duration::from_secs(60);

type SlotKey = (ServiceId, Slot);
/// A task, and the template that it was made by.
type Copy = (SlotKey, TaskId, u64);

/// Copies of each slot since the aftermath.
#[derive(Debug, Default)]
pub(super) struct KeptRunning {
    since: Option<Duration>,
    copies: BTreeMap<usize, BTreeSet<Copy>>,
    /// Tasks that an update has stopped, though it may have been taken back before they have ended.
    replaced: BTreeSet<TaskId>,
    counts: BTreeMap<SlotKey, usize>,
}

impl Checker for KeptRunning {
    fn name(&self) -> &'static str {
        "what runs goes on running"
    }

    fn heard(&mut self, world: &World, happening: &Happening) {
        if matches!(happening, Happening::Quiet) {
            self.since = Some(world.now() + AFTERMATH);
        }
    }

    fn after_event(&mut self, world: &World, machine: usize) -> Result<(), String> {
        if self.since.is_none_or(|since| world.now() < since) {
            return Ok(());
        }
        if self.copies.is_empty() {
            for index in 0..world.machines.len() {
                self.look(world, index)?;
            }
        }
        self.look(world, machine)
    }
}

impl KeptRunning {
    fn look(&mut self, world: &World, machine: usize) -> Result<(), String> {
        if let Some(peer) = &world.machines[machine].peer {
            let replaced = peer
                .local_tasks()
                .filter(|task| task.report.message.starts_with("replaced by an update"));
            self.replaced.extend(replaced.map(|task| task.report.id));
        }
        let tasks = world.machines[machine].tasks.values();
        let copy =
            |report: &TaskReport| ((report.service, report.slot), report.id, report.template);
        let now: BTreeSet<Copy> = tasks
            .filter(|task| task.is_running && !is_bad(&task.spec))
            .map(|task| copy(&task.report))
            .collect();
        let before = self.copies.entry(machine).or_default();
        if *before == now {
            return Ok(());
        }
        for (slot, ..) in now.difference(before) {
            *self.counts.entry(*slot).or_default() += 1;
        }
        let gone: Vec<Copy> = before.difference(&now).copied().collect();
        *before = now;
        for (slot, id, template) in gone {
            let count = self.counts.entry(slot).or_default();
            *count = count.saturating_sub(1);
            let peer = world.machines[machine].peer.as_ref();
            let known = peer.and_then(|peer| peer.template_of(slot.0));
            let is_replaced =
                known.is_some_and(|known| known != template) || self.replaced.contains(&id);
            if *count == 0 && !is_replaced && is_wanted(world, machine, &slot) {
                return Err(format!(
                    "n{} stopped the last copy of slot {} of {}",
                    machine + 1,
                    slot.1,
                    slot.0
                ));
            }
        }
        Ok(())
    }
}

/// Whether a task ends by itself: an update to what crashes may come to a slot only when there is a place
/// for it at last.
fn is_bad(spec: &ServiceSpec) -> bool {
    let command = spec.container().command.first();
    command.is_some_and(|command| [CRASHES, ENDS].contains(&command.as_str()))
}

/// Whether some agent that runs has a place for the slot, and so has the machine's own. A task of a drained
/// node that can go nowhere stops in the end, by what that node knows: others may just have found a place,
/// when what an update made of the service was refused everywhere. A global one stops at once.
fn is_wanted(world: &World, machine: usize, slot: &SlotKey) -> bool {
    let own = world.machines[machine].peer.as_ref();
    if own.is_some_and(|peer| peer.placement().1.owner(slot.0, slot.1).is_none()) {
        return false;
    }
    let machines = match slot.1 {
        Slot::Node(_) => &world.machines[machine..=machine],
        Slot::Number(_) => &world.machines[..],
    };
    let mut peers = machines.iter().filter_map(|machine| machine.peer.as_ref());
    peers.any(|peer| peer.placement().1.owner(slot.0, slot.1).is_some())
}
