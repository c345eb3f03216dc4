//! Tombstones go by name, not by age: when every member has held one, it may be forgotten by all.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shoal_membership::{
    NodeId,
    bugs::{self, Bug},
};

use super::{Peer, orders::json};
use crate::{
    payload::PurgeRecord,
    registry::{Key, kind},
};

/// How often tombstones are looked at.
pub(super) const INTERVAL: Duration = Duration::from_secs(60);
/// Most tombstones in one purge.
const PURGED_MAX: usize = 4_096;

/// This node's own tombstones.
#[derive(Debug, Default)]
pub(super) struct Purging {
    /// Since when this node holds each (monotonic).
    known_since: BTreeMap<u128, Duration>,
    /// Those that everybody on the roster held at one moment.
    held_by_all: BTreeSet<u128>,
    roster: BTreeSet<NodeId>,
    next: Duration,
}

impl Purging {
    pub(super) fn deadline(&self) -> Duration {
        self.next
    }

    pub(super) fn begin_at(&mut self, at: Duration) {
        self.next = at;
    }
}

impl Peer {
    /// Looks for tombstones of this node's own that all have seen.
    pub(super) fn tend_purging(&mut self) {
        let now = self.now.monotonic;
        self.note_agreement();
        if self.purging.next > now {
            return;
        }
        self.purging.next = now.saturating_add(INTERVAL);
        let own = self.own_tombstones();
        self.purging
            .known_since
            .retain(|hash, _| own.contains(hash));
        self.purging.held_by_all.retain(|hash| own.contains(hash));
        for hash in own {
            self.purging.known_since.entry(hash).or_insert(now);
        }
        let age = self.config.timing.tombstone_age;
        let is_ripe = |hash: &u128, since: Duration| {
            let is_old = now.saturating_sub(since) >= age;
            is_old && self.purging.held_by_all.contains(hash)
        };
        let known = self.purging.known_since.iter();
        let ripe: Vec<String> = known
            .filter(|(hash, since)| is_ripe(hash, **since) || bugs::is(Bug::TombstoneDroppedEarly))
            .take(PURGED_MAX)
            .map(|(hash, _)| format!("{hash:032x}"))
            .collect();
        if !ripe.is_empty() {
            tracing::debug!(
                count = ripe.len(),
                "tombstones that all have seen are forgotten"
            );
            let key = Key::system(kind::PURGE, self.me().to_string());
            self.find(key, json(&PurgeRecord { tombstones: ripe }));
        }
    }

    /// A moment at which every roster member advertises this node's own root: all hold what it holds.
    fn note_agreement(&mut self) {
        if self.purging.held_by_all.len() >= self.purging.known_since.len() {
            return;
        }
        let roster: BTreeSet<NodeId> = self.catalog.roster().keys().copied().collect();
        if roster != self.purging.roster {
            self.purging.roster = roster;
            self.purging.held_by_all.clear();
        }
        let (root, me) = (self.registry.digests().root(), self.me());
        let all_agree = self.purging.roster.iter().all(|node| {
            *node == me
                || self
                    .sync
                    .heard
                    .get(node)
                    .is_some_and(|heard| heard.desired == root)
        });
        if all_agree {
            let known = self.purging.known_since.keys().copied().collect::<Vec<_>>();
            self.purging.held_by_all.extend(known);
        }
    }

    fn own_tombstones(&self) -> BTreeSet<u128> {
        let me = self.me();
        self.registry
            .tombstones()
            .filter(|signed| signed.write.author.node == me)
            .map(|signed| signed.hash)
            .collect()
    }
}
