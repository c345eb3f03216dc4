//! The observed state: what each node says about itself, kept in memory by all.
//!
//! A record has one writer, the node it is about, which always publishes it whole. The later
//! (incarnation, sequence) replaces the earlier, so records merge in any order without clocks.

mod status;

use std::sync::Arc;

use imbl::OrdMap;
use shoal_membership::NodeId;
pub use status::{PORTS_MAX, Phase, PortTrouble, Refusal, Status};

use crate::registry::DigestTree;

/// Most bytes of a record's body: 1 MiB.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// Most topics kept of one node, topics that this version does not know included.
const TOPICS_MAX: usize = 16;

/// What a record is about.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, bincode::Encode, bincode::Decode,
)]
pub struct Topic(pub u8);

impl Topic {
    /// A [`Status`].
    pub const STATUS: Self = Self(0);
    /// A list of [`TaskReport`](crate::task::TaskReport).
    pub const TASKS: Self = Self(1);
    /// A list of [`Refusal`].
    pub const REFUSALS: Self = Self(2);
    /// A list of at most 16 ids of nodes, sorted: living members that the node can't reach. Whoever does not
    /// know this topic passes it on.
    pub const APART: Self = Self(3);
    /// A list of [`PortTrouble`].
    pub const PORTS: Self = Self(4);
}

/// What a node says of itself about one topic.
#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Record {
    /// Who says it, about itself.
    pub node: NodeId,
    /// About what.
    pub topic: Topic,
    /// In which incarnation.
    pub incarnation: u64,
    /// Order within the incarnation.
    pub sequence: u64,
    /// What, encoded as the topic demands.
    pub body: Vec<u8>,
}

impl Record {
    /// What decides between two records of one node and topic.
    #[must_use]
    pub fn version(&self) -> (u64, u64) {
        (self.incarnation, self.sequence)
    }

    /// 64 bits that stand for the record's name in digests.
    #[must_use]
    pub fn digest(&self) -> u64 {
        digest_of(&self.node, self.topic)
    }

    fn leaf(&self) -> u64 {
        let mut hash = blake3::Hasher::new();
        hash.update(&self.digest().to_le_bytes())
            .update(&self.incarnation.to_le_bytes())
            .update(&self.sequence.to_le_bytes());
        first_u64(&hash.finalize())
    }
}

/// All records that this node holds. Copies share what they have in common.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    records: OrdMap<(NodeId, Topic), Arc<Record>>,
    names: OrdMap<u64, (NodeId, Topic)>,
    digests: DigestTree,
}

impl Observed {
    /// Takes in a record. Whether it was news.
    pub fn apply(&mut self, record: Record) -> bool {
        let name = (record.node, record.topic);
        let is_news = match self.records.get(&name) {
            Some(held) => held.version() < record.version(),
            None => self.topics_of(&record.node) < TOPICS_MAX,
        };
        if !is_news || record.body.len() > RECORD_BYTES_MAX {
            return false;
        }
        let digest = record.digest();
        self.digests.set(digest, record.leaf());
        if self.records.insert(name, Arc::new(record)).is_none() {
            self.names.insert(digest, name);
        }
        true
    }

    fn topics_of(&self, node: &NodeId) -> usize {
        let topics = (*node, Topic(0))..=(*node, Topic(u8::MAX));
        self.records.range(topics).count()
    }

    /// Forgets all that a node said: it is no longer on the roster.
    pub fn forget(&mut self, node: &NodeId) {
        let names: Vec<_> = self
            .records
            .range((*node, Topic(0))..=(*node, Topic(u8::MAX)))
            .map(|(name, record)| (*name, record.digest()))
            .collect();
        for (name, digest) in names {
            self.records.remove(&name);
            self.names.remove(&digest);
            self.digests.remove(digest);
        }
    }

    /// What a node said about a topic.
    #[must_use]
    pub fn get(&self, node: &NodeId, topic: Topic) -> Option<&Record> {
        self.records.get(&(*node, topic)).map(Arc::as_ref)
    }

    /// The sequence of the last record of a node in an incarnation.
    #[must_use]
    pub fn last_sequence(&self, node: &NodeId, incarnation: u64) -> Option<u64> {
        self.records
            .range((*node, Topic(0))..=(*node, Topic(u8::MAX)))
            .filter(|(_, record)| record.incarnation == incarnation)
            .map(|(_, record)| record.sequence)
            .max()
    }

    /// All nodes that said anything.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        let mut last = None;
        self.records
            .keys()
            .filter_map(move |(node, _)| (last.replace(*node) != Some(*node)).then_some(*node))
    }

    /// The record that a digest stands for.
    #[must_use]
    pub fn by_digest(&self, digest: u64) -> Option<&Record> {
        self.records.get(self.names.get(&digest)?).map(Arc::as_ref)
    }

    /// Digests of all records.
    #[must_use]
    pub fn digests(&self) -> &DigestTree {
        &self.digests
    }
}

fn digest_of(node: &NodeId, topic: Topic) -> u64 {
    let mut hash = blake3::Hasher::new();
    hash.update(node.as_bytes()).update(&[topic.0]);
    first_u64(&hash.finalize())
}

fn first_u64(hash: &blake3::Hash) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(incarnation: u64, sequence: u64, body: &[u8]) -> Record {
        Record {
            node: NodeId::from_bytes([1; 16]),
            topic: Topic::TASKS,
            incarnation,
            sequence,
            body: body.to_vec(),
        }
    }

    #[test]
    fn the_later_incarnation_then_the_later_sequence_wins_in_any_order() {
        let all = [
            record(1, 9, b"old"),
            record(2, 1, b"new life"),
            record(2, 2, b"newest"),
        ];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut observed = Observed::default();
            for index in order {
                observed.apply(all[index].clone());
            }
            assert_eq!(
                observed.get(&all[0].node, Topic::TASKS).unwrap().body,
                b"newest"
            );
        }
    }

    #[test]
    fn what_is_too_large_or_about_too_many_topics_is_not_kept() {
        let mut observed = Observed::default();
        assert!(!observed.apply(record(1, 1, &vec![0; RECORD_BYTES_MAX + 1])));
        for topic in 0..100 {
            observed.apply(Record {
                topic: Topic(topic),
                ..record(1, 1, b"")
            });
        }
        assert_eq!(observed.records.len(), TOPICS_MAX);
    }

    #[test]
    fn what_is_forgotten_leaves_no_digest() {
        let mut observed = Observed::default();
        observed.apply(record(1, 1, b"x"));
        observed.forget(&NodeId::from_bytes([1; 16]));
        assert_eq!(observed.digests().root(), 0);
    }
}
