//! Removals that were forgotten as it should be: named in a purge, after all held them. A rule about
//! removed things asks here, since the registries say nothing of them any more.

use std::collections::{BTreeMap, BTreeSet};

use shoal_scheduler::{
    payload::PurgeRecord,
    registry::{Actor, Key, Registry, kind},
};

use crate::World;

/// All removals that were seen, and those that a purge named.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    roots: BTreeMap<usize, u64>,
    /// By hash: of which entry, and what of it each knew.
    removals: BTreeMap<u128, (Key, BTreeMap<Actor, u64>)>,
    purged: BTreeSet<u128>,
}

impl Forgotten {
    /// Looks at what a machine holds, if that has changed.
    pub(super) fn look(&mut self, world: &World, machine: usize) {
        let Some(peer) = &world.machines[machine].peer else {
            return;
        };
        let registry = peer.registry();
        let root = registry.digests().root();
        if self.roots.insert(machine, root) != Some(root) {
            self.note_removals(registry);
            self.note_purges(registry);
        }
    }

    fn note_removals(&mut self, registry: &Registry) {
        for (key, entry) in registry.entries() {
            for signed in entry.siblings() {
                if signed.write.payload.is_none() {
                    let removal = || (key.clone(), signed.write.clock.clone());
                    self.removals.entry(signed.hash).or_insert_with(removal);
                }
            }
        }
    }

    fn note_purges(&mut self, registry: &Registry) {
        for (_, _, signed) in registry.of_kind("system", kind::PURGE) {
            let payload = signed.write.payload.as_deref().unwrap_or_default();
            let record: PurgeRecord = serde_json::from_slice(payload).unwrap_or_default();
            let hashes = record.tombstones.iter();
            self.purged
                .extend(hashes.filter_map(|text| u128::from_str_radix(text, 16).ok()));
        }
    }

    /// Whether a removal that knew of this write was purged: then nobody need know of either.
    pub(super) fn covers(&self, key: &Key, actor: Actor, dot: u64) -> bool {
        let mut removals = self
            .purged
            .iter()
            .filter_map(|hash| self.removals.get(hash));
        removals
            .any(|(of, clock)| of == key && clock.get(&actor).is_some_and(|known| *known >= dot))
    }
}
