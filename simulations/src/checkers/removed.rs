//! What was removed, and acknowledged so, stays removed: no write that the removal knew of is held by
//! anybody in the end, as long as one machine that had the removal on its disk still has that disk. What
//! a removed member ordered may be void.
//!
//! Why: a service that comes back starts tasks that nobody ordered. That is what tombstones are kept
//! for; one that goes too early shows up here, when somebody returns who never heard of it.

use std::collections::{BTreeMap, BTreeSet};

use shoal_membership::NodeId;
use shoal_scheduler::registry::{Actor, Key, Signed};

use super::{Checker, Happening};
use crate::World;

/// One removal.
#[derive(Debug)]
struct Removal {
    key: Key,
    author: NodeId,
    /// All that it knew of the entry.
    clock: BTreeMap<Actor, u64>,
    holders: BTreeSet<usize>,
}

impl Removal {
    /// Whether this write is one of those that were removed.
    fn ends(&self, signed: &Signed) -> bool {
        let knows = |actor, dot| self.clock.get(actor).is_some_and(|known| known >= dot);
        let is_known = signed
            .write
            .clock
            .iter()
            .all(|(actor, dot)| knows(actor, dot));
        is_known && signed.write.payload.is_some()
    }
}

/// All removals that still bind.
#[derive(Debug, Default)]
pub(super) struct Removed {
    removals: Vec<Removal>,
    outcasts: BTreeSet<NodeId>,
}

impl Removed {
    fn lost(&mut self, machine: usize) {
        for removal in &mut self.removals {
            removal.holders.remove(&machine);
        }
        self.removals.retain(|removal| !removal.holders.is_empty());
    }

    fn acknowledged(&mut self, world: &World, machine: usize, key: &Key) {
        let Some(peer) = &world.machines[machine].peer else {
            return;
        };
        let Some(entry) = peer.registry().entry(key) else {
            return;
        };
        for signed in entry.siblings() {
            let write = &signed.write;
            let is_own = write.author.node == peer.me() && !self.outcasts.contains(&peer.me());
            if write.payload.is_none() && is_own {
                let has_it = |at: &usize| {
                    world.machines[*at]
                        .disk
                        .holds(key, write.author, write.dot())
                };
                self.removals.push(Removal {
                    key: key.clone(),
                    author: peer.me(),
                    clock: write.clock.clone(),
                    holders: (0..world.machines.len()).filter(has_it).collect(),
                });
            }
        }
    }
}

impl Checker for Removed {
    fn name(&self) -> &'static str {
        "what was removed stays removed"
    }

    fn heard(&mut self, world: &World, happening: &Happening) {
        match happening {
            Happening::Acknowledged { machine, key } => self.acknowledged(world, *machine, key),
            Happening::DiskLost { machine } => self.lost(*machine),
            Happening::Removed { machine, node } => {
                self.outcasts.insert(*node);
                self.removals.retain(|removal| removal.author != *node);
                self.lost(*machine);
            }
            Happening::Quiet | Happening::Still => {}
        }
    }

    fn at_rest(&self, world: &World) -> Result<(), String> {
        for (index, machine) in world.machines.iter().enumerate() {
            let Some(peer) = &machine.peer else { continue };
            for removal in &self.removals {
                let entry = peer.registry().entry(&removal.key);
                let mut siblings = entry.into_iter().flat_map(|entry| entry.siblings());
                if siblings.any(|signed| removal.ends(&signed)) {
                    return Err(format!(
                        "n{} holds what was removed of {}",
                        index + 1,
                        removal.key
                    ));
                }
            }
        }
        Ok(())
    }
}
