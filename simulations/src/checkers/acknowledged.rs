//! A write that a person was told of is known to all in the end, as long as one machine that had it
//! on its disk at that moment still has that disk.
//!
//! Why: the acknowledgement is the only promise that the cluster makes about orders. What a later
//! write replaced counts as known: its dot is in the entry's clock. So does what was removed, and the
//! removal purged. What a removed member wrote, or alone held, is void: its removal says so.

use std::{collections::BTreeSet, time::Duration};

use shoal_membership::NodeId;
use shoal_scheduler::registry::{Actor, Key};

use super::{Checker, Happening, forgotten::Forgotten};
use crate::World;

/// One promise.
#[derive(Debug)]
struct Promise {
    key: Key,
    actor: Actor,
    dot: u64,
    at: Duration,
    holders: BTreeSet<usize>,
}

/// All promises that still bind.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    promises: Vec<Promise>,
    removed: BTreeSet<NodeId>,
    forgotten: Forgotten,
}

impl Acknowledged {
    fn lost(&mut self, machine: usize) {
        for promise in &mut self.promises {
            promise.holders.remove(&machine);
        }
        self.promises.retain(|promise| !promise.holders.is_empty());
    }

    fn promised(&mut self, world: &World, machine: usize, key: &Key) {
        let Some(peer) = &world.machines[machine].peer else {
            return;
        };
        let actor = peer.registry().author();
        let Some(entry) = peer.registry().entry(key) else {
            return;
        };
        let dot = entry.clock().get(&actor);
        if self.removed.contains(&actor.node) {
            return;
        }
        let has_it = |at: &usize| {
            let machine = &world.machines[*at];
            let is_safe = !machine.disk.is_damaged && !self.removed.contains(&machine.id());
            is_safe && machine.disk.holds(key, actor, dot)
        };
        let holders = (0..world.machines.len()).filter(has_it).collect();
        self.promises.push(Promise {
            key: key.clone(),
            actor,
            dot,
            at: world.now(),
            holders,
        });
    }
}

impl Checker for Acknowledged {
    fn name(&self) -> &'static str {
        "no acknowledged write is lost"
    }

    fn heard(&mut self, world: &World, happening: &Happening) {
        match happening {
            Happening::Acknowledged { machine, key } => self.promised(world, *machine, key),
            Happening::DiskLost { machine } => self.lost(*machine),
            Happening::Removed { machine, node } => {
                self.removed.insert(*node);
                self.promises.retain(|promise| promise.actor.node != *node);
                self.lost(*machine);
            }
            Happening::Quiet | Happening::Still => {}
        }
    }

    fn after_event(&mut self, world: &World, machine: usize) -> Result<(), String> {
        self.forgotten.look(world, machine);
        Ok(())
    }

    fn at_rest(&self, world: &World) -> Result<(), String> {
        for (index, machine) in world.machines.iter().enumerate() {
            let Some(peer) = &machine.peer else { continue };
            for promise in &self.promises {
                let entry = peer.registry().entry(&promise.key);
                let known = entry.map_or(0, |entry| entry.clock().get(&promise.actor));
                let Promise {
                    key, actor, dot, ..
                } = promise;
                if known < *dot && !self.forgotten.covers(key, *actor, *dot) {
                    return Err(format!(
                        "n{} knows {key} of {} up to {known} only; {dot} was acknowledged at {:.3} s, and is held by {:?}",
                        index + 1,
                        actor.node,
                        promise.at.as_secs_f64(),
                        promise.holders.iter().map(|at| at + 1).collect::<Vec<_>>(),
                    ));
                }
            }
        }
        Ok(())
    }
}
