//! The desired state: a map of multi-value registers that every node holds in full.
//!
//! Each entry merges by itself. Nothing here reads a clock, a disk or a network; what must reach the
//! disk before it is sent is handed to the caller first (`prepare`, then `apply`).

mod digest;
mod entry;
mod key;
mod receiving;
mod signed;
mod stamp;
mod trust;
mod writing;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

pub use digest::{BUCKETS, DigestTree};
use digest::{first_u64, first_u128};
pub use entry::Entry;
use imbl::{OrdMap, OrdSet};
pub use key::{Key, kind};
use shoal_membership::{
    ClusterId, NodeId, SecretKey,
    bugs::{self, Bug},
};
pub use signed::{Actor, BadWrite, FORMAT, Signed, SignedBytes, WRITE_BYTES_MAX, Write};
pub use stamp::{HybridClock, Stamp};
pub use trust::{Admission, Revocation, Trust};

/// Why a write was not taken in. The registry is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// It is no acceptable write.
    #[error(transparent)]
    Bad(#[from] BadWrite),
    /// It is of another cluster.
    #[error("a write of cluster {0}")]
    Cluster(ClusterId),
    /// Nobody admitted its author, as far as this node knows yet.
    #[error("a write by {0}, who was never admitted")]
    Author(NodeId),
    /// Its author was revoked before it.
    #[error("a write by {0} from after its removal")]
    Revoked(NodeId),
    /// It is among the tombstones that were purged.
    #[error("a write that was purged")]
    Purged,
}

/// What became of a batch of writes.
#[derive(Debug, Default)]
pub struct Received {
    /// Entries that changed.
    pub changed: BTreeSet<Key>,
    /// Writes that were new here.
    pub new: Vec<Arc<Signed>>,
    /// Writes that were not taken in.
    pub rejected: usize,
}

/// All entries that this node holds. Copies share what they have in common.
#[derive(Clone, Debug)]
pub struct Registry {
    cluster: ClusterId,
    secret: SecretKey,
    author: Actor,
    counter: u64,
    clock: HybridClock,
    entries: OrdMap<Key, Entry>,
    keys_by_digest: OrdMap<u64, Key>,
    digests: DigestTree,
    /// Entries with a tombstone among their siblings.
    tombstones: OrdSet<Key>,
    trust: Trust,
    purged: BTreeSet<u128>,
    dropped: BTreeSet<Key>,
    /// Lines of this node's own revocations that are on their way to the disk.
    drawn: BTreeMap<Key, (NodeId, trust::Line)>,
    heard_newer_self: bool,
}

impl Registry {
    /// An empty registry. `counter` is the last dot that this author is known to have used.
    #[must_use]
    pub fn new(cluster: ClusterId, secret: SecretKey, generation: u64, counter: u64) -> Self {
        let author = Actor {
            node: secret.node_id(),
            generation,
        };
        Self {
            cluster,
            secret,
            author,
            counter,
            clock: HybridClock::default(),
            entries: OrdMap::new(),
            keys_by_digest: OrdMap::new(),
            digests: DigestTree::default(),
            tombstones: OrdSet::new(),
            trust: Trust::default(),
            purged: BTreeSet::new(),
            dropped: BTreeSet::new(),
            drawn: BTreeMap::new(),
            heard_newer_self: false,
        }
    }

    /// The cluster whose registry this is.
    #[must_use]
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// As whom this node writes.
    #[must_use]
    pub fn author(&self) -> Actor {
        self.author
    }

    /// The last dot used.
    #[must_use]
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// Keys and revocations.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Digests of the whole state.
    #[must_use]
    pub fn digests(&self) -> &DigestTree {
        &self.digests
    }

    /// How far what was heard has pushed the logical clock ahead of this machine's.
    #[must_use]
    pub fn clock_ahead_of(&self, wall: Duration) -> Duration {
        self.clock.ahead_of(wall)
    }

    /// An entry, if it was ever written and not purged.
    #[must_use]
    pub fn entry(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// What an entry says. None: nothing, or it was removed.
    #[must_use]
    pub fn read(&self, key: &Key) -> Option<Arc<Signed>> {
        self.entries
            .get(key)?
            .winner()
            .filter(|signed| signed.write.payload.is_some())
    }

    /// What an entry says, if it says anything of this form, as JSON.
    #[must_use]
    pub fn read_as<T: serde::de::DeserializeOwned>(&self, key: &Key) -> Option<(T, Arc<Signed>)> {
        let signed = self.read(key)?;
        let value = serde_json::from_slice(signed.write.payload.as_ref()?).ok()?;
        Some((value, signed))
    }

    /// All entries of a kind that say something, with their winners.
    pub fn of_kind<'a>(
        &'a self,
        namespace: &str,
        kind: &str,
    ) -> impl Iterator<Item = (&'a Key, &'a Entry, Arc<Signed>)> + use<'a> {
        let first = Key {
            namespace: namespace.into(),
            kind: kind.into(),
            name: String::new(),
        };
        let (namespace, kind) = (namespace.to_owned(), kind.to_owned());
        self.entries
            .range(first..)
            .take_while(move |(key, _)| key.namespace == namespace && key.kind == kind)
            .filter_map(|(key, entry)| {
                let winner = entry.winner()?;
                winner
                    .write
                    .payload
                    .is_some()
                    .then_some((key, entry, winner))
            })
    }

    /// All entries, tombstones included.
    pub fn entries(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.iter()
    }

    /// All removals that are held.
    pub fn tombstones(&self) -> impl Iterator<Item = Arc<Signed>> + '_ {
        let entries = self.tombstones.iter().filter_map(|key| self.entry(key));
        let siblings = entries.flat_map(Entry::siblings);
        siblings.filter(|signed| signed.write.payload.is_none())
    }

    /// The entry that a digest stands for.
    #[must_use]
    pub fn key_of_digest(&self, digest: u64) -> Option<&Key> {
        self.keys_by_digest.get(&digest)
    }

    /// Whether somebody knows a later write of this node than it does itself: its disk was set back
    /// to an earlier image. It must then take a new generation.
    #[must_use]
    pub fn heard_newer_self(&self) -> bool {
        self.heard_newer_self
    }

    /// The same entries in the hands of another member.
    #[must_use]
    pub fn of_another(mut self, secret: SecretKey, generation: u64, counter: u64) -> Self {
        let node = secret.node_id();
        self.author = Actor { node, generation };
        (self.secret, self.counter) = (secret, counter);
        self
    }

    /// Writes as a new actor from now on, with dots from 1.
    pub fn start_generation(&mut self, generation: u64) {
        if !bugs::is(Bug::DotsReused) {
            self.author.generation = generation;
        }
        self.counter = 0;
        self.heard_newer_self = false;
    }

    fn take_in(&mut self, signed: Arc<Signed>) -> bool {
        let key = signed.write.key.clone();
        if !self
            .entries
            .entry(key.clone())
            .or_default()
            .apply(signed.clone())
        {
            return false;
        }
        if self
            .entries
            .get(&key)
            .is_some_and(|entry| entry.siblings().len() > 1)
        {
            tracing::debug!(%key, "writes that knew nothing of each other stand side by side");
        }
        self.refresh(&key);
        if self.trust.learn(&signed.write) {
            self.drop_what_no_longer_counts();
        }
        true
    }

    /// Drops what is beyond a revocation's line, and what hangs on it: admissions by the revoked,
    /// and everything by those whom only they admitted.
    fn drop_what_no_longer_counts(&mut self) {
        loop {
            let (trust, cluster) = (&self.trust, &self.cluster);
            let is_kept = |signed: &Signed| {
                let is_known = trust.key_of(&signed.write.author.node).is_some()
                    || Trust::is_founding(cluster, signed).is_some();
                is_known && trust.counts(&signed.write)
            };
            let changed = retain_writes(&mut self.entries, is_kept);
            if changed.is_empty() {
                return;
            }
            tracing::debug!(
                entries = changed.len(),
                "writes that no longer count are dropped"
            );
            for key in changed {
                self.refresh(&key);
                self.dropped.insert(key);
            }
            let trust_entries = self
                .entries
                .iter()
                .filter(|(key, _)| matches!(key.kind.as_str(), kind::MEMBER | kind::REVOCATION));
            let siblings = trust_entries.flat_map(|(_, entry)| entry.siblings());
            let mut trust = Trust::default();
            for signed in siblings {
                trust.learn(&signed.write);
            }
            self.trust = trust;
        }
    }

    /// Entries that lost writes to a revocation since this was last asked.
    pub fn take_dropped(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.dropped)
    }

    /// Drops tombstones by hash, and refuses them from now on. Replaces the list of the last purge.
    pub fn purge(&mut self, hashes: BTreeSet<u128>) -> BTreeSet<Key> {
        let is_kept =
            |signed: &Signed| signed.write.payload.is_some() || !hashes.contains(&signed.hash);
        let changed = retain_writes(&mut self.entries, is_kept);
        for key in &changed {
            self.refresh(key);
        }
        self.purged = hashes;
        changed.into_iter().collect()
    }

    /// Drops everything but admissions, revocations and evictions: a snapshot takes its place.
    pub fn forget_all_but_trust(&mut self) -> BTreeSet<Key> {
        let is_trust = |key: &Key| {
            matches!(
                key.kind.as_str(),
                kind::MEMBER | kind::REVOCATION | kind::EVICTION
            )
        };
        let dropped: BTreeSet<Key> = self
            .entries
            .keys()
            .filter(|key| !is_trust(key))
            .cloned()
            .collect();
        for key in &dropped {
            self.entries.remove(key);
            self.refresh(key);
        }
        dropped
    }

    /// Brings the digests of an entry up to date, and forgets it if nothing is left.
    fn refresh(&mut self, key: &Key) {
        let digest = key.digest();
        match self.entries.get(key) {
            Some(entry) if !entry.is_empty() => {
                if bugs::is(Bug::DigestWithoutTombstones) && self.read(key).is_none() {
                    return self.digests.remove(digest);
                }
                self.digests.set(digest, entry.leaf(key));
                if !self.keys_by_digest.contains_key(&digest) {
                    self.keys_by_digest.insert(digest, key.clone());
                }
                if entry
                    .siblings()
                    .iter()
                    .any(|one| one.write.payload.is_none())
                {
                    self.tombstones.insert(key.clone());
                } else if self.tombstones.contains(key) {
                    self.tombstones.remove(key);
                }
            }
            _ => {
                self.entries.remove(key);
                self.digests.remove(digest);
                self.keys_by_digest.remove(&digest);
                self.tombstones.remove(key);
            }
        }
    }
}

/// Keeps the writes that pass. The entries that lost any.
fn retain_writes(entries: &mut OrdMap<Key, Entry>, keep: impl Fn(&Signed) -> bool) -> Vec<Key> {
    let loses_any = |(_, entry): &(&Key, &Entry)| entry.siblings().iter().any(|one| !keep(one));
    let losers = entries.iter().filter(loses_any);
    let changed: Vec<Key> = losers.map(|(key, _)| key.clone()).collect();
    for key in &changed {
        if let Some(entry) = entries.get_mut(key) {
            entry.retain(&keep);
        }
    }
    changed
}

#[cfg(test)]
mod tests;
