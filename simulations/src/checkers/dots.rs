//! No dot names two writes.
//!
//! Why: a version vector says "I have everything of this author up to here". An author that uses a
//! dot twice has its second write ignored by whoever has the first, for ever.

use std::collections::BTreeMap;

use shoal_scheduler::registry::Actor;

use super::Checker;
use crate::World;

/// Every write that was seen, by its dot.
#[derive(Debug, Default)]
pub(super) struct Dots {
    writes: BTreeMap<(Actor, u64), u128>,
    roots: BTreeMap<usize, u64>,
}

impl Checker for Dots {
    fn name(&self) -> &'static str {
        "no dot names two writes"
    }

    fn after_event(&mut self, world: &World, machine: usize) -> Result<(), String> {
        let Some(peer) = &world.machines[machine].peer else {
            return Ok(());
        };
        let root = peer.registry().digests().root();
        if self.roots.insert(machine, root) == Some(root) {
            return Ok(());
        }
        for (key, entry) in peer.registry().entries() {
            for signed in entry.siblings() {
                let dot = (signed.write.author, signed.write.dot());
                let known = *self.writes.entry(dot).or_insert(signed.hash);
                if known != signed.hash {
                    return Err(format!(
                        "dot {} of {} names two writes, one of them of {key}",
                        dot.1, dot.0.node
                    ));
                }
            }
        }
        Ok(())
    }
}
