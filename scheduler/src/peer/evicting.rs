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

use super::{Effect, Peer, orders::json};
use crate::registry::{Key, Revocation, SignedBytes, kind};

/// How often the roster is looked at. More than two of these at once are no uptime: the agent was
/// frozen, and could not have heard anybody.
pub(super) const INTERVAL: Duration = Duration::from_secs(60);
/// Silences are put on the disk as often as this in the time after which a member is evicted: with
/// 30 days every 6 hours, and only while somebody is silent.
const SILENCES_KEPT: u32 = 120;

/// Who is silent for how long, and this node's own return.
#[derive(Debug, Default)]
pub(super) struct Evicting {
    /// For how much of this node's uptime, over all its runs, each member was not heard of.
    silences: BTreeMap<NodeId, Duration>,
    /// What of it is on the disk.
    kept: BTreeMap<NodeId, Duration>,
    looked_at: Duration,
    next: Duration,
    /// This node was evicted: its own writes that the others have not seen.
    returning: Option<Vec<(Key, Option<Vec<u8>>)>>,
}

impl Evicting {
    pub(super) fn new(silences: BTreeMap<NodeId, Duration>, now: Duration) -> Self {
        Self {
            kept: silences.clone(),
            silences,
            looked_at: now,
            ..Self::default()
        }
    }

    pub(super) fn deadline(&self) -> Duration {
        self.next
    }

    pub(super) fn begin_at(&mut self, at: Duration) {
        self.next = at;
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
        let now = self.now.monotonic;
        if self.evicting.next > now {
            return;
        }
        self.evicting.next = now.saturating_add(INTERVAL);
        let passed = now
            .saturating_sub(self.evicting.looked_at)
            .min(INTERVAL * 2);
        self.evicting.looked_at = now;
        self.count_silences(passed);
        let limit = self.config.timing.forget_after;
        let silences = self.evicting.silences.iter();
        let forgotten: Vec<NodeId> = silences
            .filter(|(_, silence)| **silence >= limit)
            .map(|(node, _)| *node)
            .collect();
        for node in forgotten {
            tracing::warn!(%node, "not heard of for very long: it is taken off the roster");
            let record = Revocation {
                last_dots: self.last_dots_of(node),
            };
            self.find(key_of(&node), json(&record));
        }
        self.keep_silences(limit / SILENCES_KEPT);
    }

    fn count_silences(&mut self, passed: Duration) {
        if self.all_are_alive() {
            return self.evicting.silences.clear();
        }
        let (roster, me) = (self.catalog.roster(), self.me());
        let silences = &mut self.evicting.silences;
        silences.retain(|node, _| roster.contains_key(node) && !self.presence.is_alive(node));
        for node in roster.keys().filter(|node| **node != me) {
            if !self.presence.is_alive(node) {
                let silence = silences.entry(*node).or_default();
                *silence = silence.saturating_add(passed);
            }
        }
    }

    /// Puts the silences on the disk if one of them differs by at least this much, or has ended.
    pub(super) fn keep_silences(&mut self, step: Duration) {
        let Evicting { silences, kept, .. } = &mut self.evicting;
        let has_grown = silences.iter().any(|(node, silence)| {
            let kept = kept.get(node).copied().unwrap_or_default();
            silence.saturating_sub(kept) >= step
        });
        let has_ended = kept.keys().any(|node| !silences.contains_key(node));
        if has_grown || has_ended {
            kept.clone_from(silences);
            let silences = silences.clone();
            self.effects.push_back(Effect::Silences(silences));
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
        let Some((record, written)) = self.registry.read_as::<Revocation>(&own) else {
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
                kind::SERVICE
                    | kind::NETWORK
                    | kind::TOKEN
                    | kind::VOLUME_HOME
                    | kind::SECRET
                    | kind::CONFIG
                    | kind::CONTENTS
                    | kind::SEALED
                    | kind::JOB
                    | kind::CLUSTER
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
