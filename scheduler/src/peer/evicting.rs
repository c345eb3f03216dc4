//! Members that nobody hears of for very long, and how they come back.
//!
//! Tombstones are purged when all on the roster have held them, so a member that is gone for good
//! would keep them for ever. It is evicted from the roster by an entry. Should it return, it may
//! hold things that were removed and forgotten meanwhile: it hands in only its own writes that the
//! others have not seen, as new ones, and takes a snapshot of everything else (as a returning
//! replica does in Akka Distributed Data). Two halves of a cluster that evicted each other merge,
//! wipe nothing, and say so.

use std::{collections::BTreeMap, time::Duration};

use shoal_membership::NodeId;

use super::{Peer, catalog::read, orders::json};
use crate::registry::{Key, Revocation, SignedBytes, kind};

/// How often the roster is looked at.
const INTERVAL: Duration = Duration::from_secs(60);

/// Who was heard of when, and this node's own return.
#[derive(Debug, Default)]
pub(super) struct Evicting {
    last_heard: BTreeMap<NodeId, Duration>,
    next: Duration,
    /// This node was evicted: its own writes that the others have not seen.
    returning: Option<Vec<(Key, Option<Vec<u8>>)>>,
}

impl Evicting {
    pub(super) fn deadline(&self) -> Duration {
        self.next
    }

    pub(super) fn is_returning(&self) -> bool {
        self.returning.is_some()
    }
}

fn key_of(node: &NodeId) -> Key {
    Key::system(kind::EVICTION, node.to_string())
}

impl Peer {
    /// Evicts members that this node has not heard of for `forget_after` of its own uptime.
    pub(super) fn tend_evicting(&mut self) {
        let (now, me) = (self.now.monotonic, self.me());
        if self.evicting.next > now {
            return;
        }
        self.evicting.next = now.saturating_add(INTERVAL);
        let roster: Vec<NodeId> = self.catalog.roster().keys().copied().collect();
        self.evicting
            .last_heard
            .retain(|node, _| roster.contains(node));
        for node in roster.into_iter().filter(|node| *node != me) {
            let heard = self.evicting.last_heard.entry(node).or_insert(now);
            if self.presence.is_alive(&node) {
                *heard = now;
            } else if now.saturating_sub(*heard) >= self.config.timing.forget_after {
                tracing::warn!(%node, "not heard of for very long: it is taken off the roster");
                let record = Revocation {
                    last_dots: self.last_dots_of(node),
                };
                self.find(key_of(&node), json(&record));
            }
        }
    }

    /// What of a peer's writes is taken in: all of a member's; of one that is not on the roster,
    /// nothing but that it is back, and that it evicted this node.
    pub(super) fn admissible(&self, from: &NodeId, writes: Vec<SignedBytes>) -> Vec<SignedBytes> {
        if self.catalog.roster().contains_key(from) || self.catalog.roster().len() <= 1 {
            return writes;
        }
        let news = [key_of(from), key_of(&self.me())];
        let is_return = |bytes: &SignedBytes| {
            bytes
                .clone()
                .open()
                .is_ok_and(|signed| news.contains(&signed.write.key))
        };
        writes.into_iter().filter(is_return).collect()
    }

    /// An eviction was written or taken back; if it is this node's, it begins its return.
    pub(super) fn eviction_changed(&mut self, key: &Key) {
        let own = key_of(&self.me());
        if *key != own || self.evicting.is_returning() {
            return;
        }
        let Some((record, written)) = read::<Revocation>(&self.registry, &own) else {
            return;
        };
        let author = written.write.author.node;
        if self.registry.read(&key_of(&author)).is_some() {
            tracing::warn!(by = %author, "two parts of the cluster evicted each other: they merge, and nothing is wiped");
            self.find(key_of(&author), None);
            self.find(own, None);
            return;
        }
        tracing::warn!(by = %author, "this node was evicted while it was away: it takes a snapshot");
        let seen: BTreeMap<u64, u64> = record.last_dots.into_iter().collect();
        self.evicting.returning = Some(self.unseen_writes(&seen));
        let dropped = self.registry.forget_all_but_trust();
        self.disk.put_changed(dropped.iter().cloned());
        self.registry_changed(&dropped);
    }

    fn unseen_writes(&self, seen: &BTreeMap<u64, u64>) -> Vec<(Key, Option<Vec<u8>>)> {
        let me = self.me();
        let is_order = |key: &Key| {
            matches!(
                key.kind.as_str(),
                kind::SERVICE | kind::TOKEN | kind::VOLUME_HOME
            )
        };
        self.registry
            .entries()
            .filter(|(key, _)| is_order(key))
            .filter_map(|(key, entry)| Some((key, entry.winner()?)))
            .filter(|(_, signed)| {
                let last = seen
                    .get(&signed.write.author.generation)
                    .copied()
                    .unwrap_or(0);
                signed.write.author.node == me && signed.write.dot() > last
            })
            .map(|(key, signed)| (key.clone(), signed.write.payload.clone()))
            .collect()
    }

    /// A peer holds exactly what this node holds: the snapshot is whole, and the return ends.
    pub(super) fn snapshot_is_whole(&mut self) {
        let Some(unseen) = self.evicting.returning.take() else {
            return;
        };
        tracing::info!(
            writes = unseen.len(),
            "the snapshot is whole: handing in what the others lack"
        );
        for (key, payload) in unseen {
            if self.registry.read(&key).is_none() && payload.is_some() {
                self.find(key, payload);
            }
        }
        self.find(key_of(&self.me()), None);
        self.introduce();
        self.running.is_stale = true;
    }
}
