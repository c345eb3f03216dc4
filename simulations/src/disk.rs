//! A machine's disk: what was persisted survives a crash; of what was on its way, any beginning may.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::RangeInclusive,
    time::Duration,
};

use rand::{Rng, RngExt};
use shoal_membership::{Addresses, NodeId};
use shoal_scheduler::{
    peer::{Batch, Memory, Ticket},
    registry::{Actor, Key, SignedBytes, kind},
};

/// All siblings of each entry. Disks made from one prepared state share it.
pub(crate) type Entries = imbl::OrdMap<Key, Vec<SignedBytes>>;

/// What is on a disk.
#[derive(Clone, Debug)]
pub struct Disk {
    entries: Entries,
    author: (u64, u64),
    incarnation: u64,
    members: imbl::OrdMap<NodeId, Addresses>,
    silences: BTreeMap<NodeId, Duration>,
    /// Requests that are on their way, in order.
    pending: VecDeque<(Ticket, Batch)>,
    /// How long a request takes.
    pub delay: RangeInclusive<Duration>,
    /// Share of power cuts in the middle of a write, 0 to 1, after which the store is found damaged:
    /// a disk that lies about what it has written. 0.
    pub torn_share: f64,
    /// Every write fails, as on a full disk.
    pub is_full: bool,
    /// The next write finds the store damaged.
    pub is_damaged: bool,
    /// Requests that reached the disk.
    pub writes: u64,
    /// Requests that it refused.
    pub refused: u64,
}

impl Disk {
    /// How long a request takes on a disk of which nothing else is said: 2 ms.
    pub const DELAY: RangeInclusive<Duration> = Duration::from_millis(2)..=Duration::from_millis(2);

    /// An empty disk, with a generation for the store that will be on it.
    #[must_use]
    pub fn new(generation: u64) -> Self {
        Self {
            author: (generation, 0),
            entries: Entries::default(),
            incarnation: 0,
            members: imbl::OrdMap::new(),
            silences: BTreeMap::new(),
            pending: VecDeque::new(),
            delay: Self::DELAY,
            torn_share: 0.0,
            is_full: false,
            is_damaged: false,
            writes: 0,
            refused: 0,
        }
    }

    /// Puts a request on its way.
    pub(crate) fn request(&mut self, ticket: Ticket, batch: Batch) {
        self.pending.push_back((ticket, batch));
    }

    /// The first request that is on its way gets there, and is carried out or dropped.
    pub(crate) fn finish(&mut self) -> Option<(Ticket, Result<(), String>)> {
        let (ticket, batch) = self.pending.pop_front()?;
        let result = match self.is_damaged {
            true => Err("the store is damaged".to_owned()),
            false => self.persist(batch),
        };
        Some((ticket, result))
    }

    /// The agent, or the whole machine, stops in the middle of whatever is on its way: any number
    /// of the requests reached the disk, and nobody is told. Whether the store is torn, and gone.
    pub(crate) fn interrupt(&mut self, is_power_cut: bool, rng: &mut impl Rng) -> bool {
        if self.pending.is_empty() {
            return false;
        }
        let reached = rng.random_range(0..=self.pending.len());
        for (_, batch) in std::mem::take(&mut self.pending).into_iter().take(reached) {
            // A full disk takes none of them.
            let _ = self.persist(batch);
        }
        let is_torn = is_power_cut && self.torn_share > 0.0 && rng.random_bool(self.torn_share);
        if is_torn {
            self.lose_entries();
        }
        is_torn
    }

    /// Puts a batch on the disk.
    ///
    /// # Errors
    /// If the disk is full. Nothing was written.
    fn persist(&mut self, batch: Batch) -> Result<(), String> {
        if self.is_full {
            self.refused += 1;
            return Err("no space left on device".into());
        }
        self.writes += 1;
        for (key, siblings) in batch.entries {
            if siblings.is_empty() {
                self.entries.remove(&key);
            } else {
                let bytes = siblings.iter().map(|signed| signed.to_bytes()).collect();
                self.entries.insert(key, bytes);
            }
        }
        self.author = batch.author;
        self.incarnation = self.incarnation.max(batch.incarnation);
        Ok(())
    }

    /// The store is damaged and set aside: all that is left of the registry is what is kept beside
    /// it, the admissions; and the next writes are of a new generation.
    pub fn lose_entries(&mut self) {
        let is_trust = |key: &Key| matches!(key.kind.as_str(), kind::MEMBER | kind::REVOCATION);
        let entries = std::mem::take(&mut self.entries);
        self.entries = entries
            .into_iter()
            .filter(|(key, _)| is_trust(key))
            .collect();
        self.author = (self.author.0.wrapping_add(1), 0);
    }

    /// Whether a write of this entry with this dot, or one that replaced it, is on the disk.
    #[must_use]
    pub fn holds(&self, key: &Key, actor: Actor, dot: u64) -> bool {
        let siblings = self.entries.get(key).into_iter().flatten();
        let mut writes = siblings.filter_map(|bytes| bytes.clone().open().ok());
        writes.any(|signed| {
            signed
                .write
                .clock
                .get(&actor)
                .is_some_and(|known| *known >= dot)
        })
    }

    /// The store is found damaged while the agent runs: an empty one of this generation is put in
    /// its place.
    pub fn replace_store(&mut self, generation: u64) {
        self.is_damaged = false;
        self.lose_entries();
        self.author = (generation, 0);
    }

    /// Where this machine's agent believes a member to be.
    pub(crate) fn whereabouts(&self, node: &NodeId) -> Option<&Addresses> {
        self.members.get(node)
    }

    /// Remembers for how long members have been silent.
    pub fn keep_silences(&mut self, silences: BTreeMap<NodeId, Duration>) {
        self.silences = silences;
    }

    /// Remembers where a member is.
    pub fn locate(&mut self, node: NodeId, addresses: Addresses) {
        self.members.insert(node, addresses);
    }

    /// Puts down what a newcomer was told.
    pub fn welcome(&mut self, writes: Vec<SignedBytes>, members: Vec<(NodeId, Addresses)>) {
        for bytes in writes {
            if let Ok(signed) = bytes.clone().open() {
                self.entries
                    .entry(signed.write.key)
                    .or_default()
                    .push(bytes);
            }
        }
        self.members.extend(members);
    }

    /// Holds all of this from the start.
    pub(crate) fn prepare(
        &mut self,
        author: (u64, u64),
        entries: Entries,
        members: imbl::OrdMap<NodeId, Addresses>,
    ) {
        (self.author, self.entries, self.members) = (author, entries, members);
    }

    /// What a peer that starts on this disk remembers.
    #[must_use]
    pub fn memory(&self) -> Memory {
        Memory {
            author: self.author,
            incarnation: self.incarnation,
            writes: self.entries.values().flatten().cloned().collect(),
            members: self
                .members
                .iter()
                .map(|(id, at)| (*id, at.clone()))
                .collect(),
            silences: self.silences.clone(),
            tasks: Vec::new(),
        }
    }
}
