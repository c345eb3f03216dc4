//! A write that a person was told of is known to all in the end, as long as one machine that had it
//! on its disk at that moment still has that disk.
//!
//! Why: the acknowledgement is the only promise that the cluster makes about orders. What a later
//! write replaced counts as known: its dot is in the entry's clock. So does what was removed, and the
//! removal purged.

use std::collections::BTreeSet;

use shoal_scheduler::registry::{Actor, Key};

use super::{Checker, Happening, forgotten::Forgotten};
use crate::World;

/// One promise.
#[derive(Debug)]
struct Promise {
    key: Key,
    actor: Actor,
    dot: u64,
    holders: BTreeSet<usize>,
}

/// All promises that still bind.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    promises: Vec<Promise>,
    forgotten: Forgotten,
}

impl Acknowledged {
    fn promised(&mut self, world: &World, machine: usize, key: &Key) {
        let Some(peer) = &world.machines[machine].peer else {
            return;
        };
        let actor = peer.registry().author();
        let Some(entry) = peer.registry().entry(key) else {
            return;
        };
        let dot = entry.clock().get(&actor);
        let has_it = |at: &usize| world.machines[*at].disk.holds(key, actor, dot);
        let holders = (0..world.machines.len()).filter(has_it).collect();
        self.promises.push(Promise {
            key: key.clone(),
            actor,
            dot,
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
            Happening::DiskLost { machine } => {
                for promise in &mut self.promises {
                    promise.holders.remove(machine);
                }
                self.promises.retain(|promise| !promise.holders.is_empty());
            }
            Happening::Quiet => {}
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
                        "n{} knows {key} of {} up to {known} only; {dot} was acknowledged",
                        index + 1,
                        actor.node,
                    ));
                }
            }
        }
        Ok(())
    }
}
