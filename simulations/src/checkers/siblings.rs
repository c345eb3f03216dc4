//! Of an update and a removal that knew nothing of each other, the update is shown, everywhere.
//!
//! Why: a removal of which a person did not know undoes no work of theirs. Removing again is one
//! order; what is lost can't be had back.

use std::collections::BTreeMap;

use super::Checker;
use crate::World;

/// The roots at which registries were looked at.
#[derive(Debug, Default)]
pub(super) struct Siblings(BTreeMap<usize, u64>);

impl Checker for Siblings {
    fn name(&self) -> &'static str {
        "an update beats a concurrent removal"
    }

    fn after_event(&mut self, world: &World, machine: usize) -> Result<(), String> {
        let Some(peer) = &world.machines[machine].peer else {
            return Ok(());
        };
        let registry = peer.registry();
        let root = registry.digests().root();
        if self.0.insert(machine, root) == Some(root) {
            return Ok(());
        }
        for (key, entry) in registry.entries() {
            let siblings = entry.siblings();
            let is_said = siblings.iter().any(|one| one.write.payload.is_some());
            if is_said && registry.read(key).is_none() {
                return Err(format!(
                    "n{} takes {key} for removed; an update did not know of that",
                    machine + 1
                ));
            }
        }
        Ok(())
    }
}
