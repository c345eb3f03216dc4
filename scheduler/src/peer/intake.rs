//! Writes and records of others, taken in.

use std::collections::BTreeSet;

use super::{Effect, Peer};
use crate::{
    observed::{Record, Topic},
    payload::PurgeRecord,
    registry::{Key, SignedBytes, kind},
};

impl Peer {
    /// Takes in writes, tells the new ones on, and puts them on the disk. How many were refused.
    pub(super) fn take_writes(&mut self, writes: Vec<SignedBytes>) -> usize {
        if writes.is_empty() {
            return 0;
        }
        let received = self.registry.receive(writes);
        for signed in received.new {
            self.rumours.tell_write(signed);
        }
        if self.registry.heard_newer_self() {
            let generation = rand::RngExt::random(&mut self.rng);
            tracing::warn!("this node's disk is older than its writes: it writes under a new name");
            self.registry.start_generation(generation);
            self.disk.put_meta();
        }
        self.disk.put_changed(received.changed.iter().cloned());
        self.registry_changed(&received.changed);
        received.rejected
    }

    /// Entries changed: reads them, and tells whoever depends on them.
    pub(super) fn registry_changed(&mut self, changed: &BTreeSet<Key>) {
        if changed.is_empty() {
            return;
        }
        let members = self.catalog.roster().len();
        let touched = self.catalog.refresh(&self.registry, changed);
        self.view_is_stale = true;
        self.running.is_stale = true;
        self.sealing_is_stale();
        self.placing.input_is_stale |= touched.placement;
        if touched.trust {
            self.trust_changed();
        }
        if touched.trust || self.catalog.roster().len() != members {
            self.roster_changed();
        }
        if touched.purges {
            self.apply_purges();
        }
        for key in changed.iter().filter(|key| key.kind == kind::EVICTION) {
            self.eviction_changed(key);
        }
        for key in changed.iter().filter(|key| key.kind == kind::TOKEN) {
            self.tokens_seen
                .entry(key.name.clone())
                .or_insert(self.now.monotonic);
        }
    }

    /// Says whom to accept, and lets go of those who are gone.
    pub(super) fn trust_changed(&mut self) {
        let revoked = self.registry.trust().revoked();
        let admitted = self
            .registry
            .trust()
            .ever_admitted()
            .iter()
            .filter(|(node, _)| !revoked.contains(node))
            .map(|(node, key)| (*node, *key))
            .collect();
        for node in &revoked {
            self.observed.forget(node);
            self.membership.forget(*node);
            self.reports.remove(node);
        }
        let (roster, me) = (self.catalog.roster(), self.me());
        let off_roster = self.observed.nodes().filter(|node| *node != me);
        let off_roster: Vec<_> = off_roster
            .filter(|node| !roster.contains_key(node))
            .collect();
        for node in off_roster {
            self.observed.forget(&node);
            self.reports.remove(&node);
        }
        let roster = self.catalog.roster();
        self.presence
            .keep_only(|node| roster.contains_key(node) || !revoked.contains(node));
        self.sync.may_hold_absent = true;
        if revoked.contains(&self.me()) && !self.was_removed {
            self.was_removed = true;
            self.effects.push_back(Effect::Removed);
        }
        self.effects.push_back(Effect::Trust { admitted, revoked });
    }

    fn apply_purges(&mut self) {
        let hashes: BTreeSet<u128> = self
            .registry
            .of_kind("system", kind::PURGE)
            .filter_map(|(_, _, signed)| {
                serde_json::from_slice::<PurgeRecord>(signed.write.payload.as_ref()?).ok()
            })
            .flat_map(|purge| purge.tombstones)
            .filter_map(|text| u128::from_str_radix(&text, 16).ok())
            .collect();
        let gone = self.registry.purge(hashes);
        self.disk.put_changed(gone.iter().cloned());
    }

    /// Takes in records, and tells the new ones on.
    pub(super) fn take_records(&mut self, records: Vec<Record>) {
        for record in records {
            let is_of_member = self.catalog.roster().contains_key(&record.node);
            if record.node == self.me() || !is_of_member || !self.observed.apply(record.clone()) {
                continue;
            }
            self.record_changed(&record);
            self.rumours.tell_record(record);
        }
    }

    fn record_changed(&mut self, record: &Record) {
        match record.topic {
            Topic::TASKS => {
                self.tasks_reported(record);
                self.tasks_changed_on(&record.node);
            }
            Topic::REFUSALS | Topic::STATUS => self.placing.input_is_stale = true,
            _ => {}
        }
        self.view_is_stale = true;
        self.running.is_stale = true;
    }
}
