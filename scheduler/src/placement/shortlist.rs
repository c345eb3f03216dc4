//! The best few nodes of one slot, by score: all that most slots ever need.

use super::{
    field::Field,
    nodes::{NO_NODE, NodeTable},
    score::{pair_hash, score_of},
};

/// A shorter list than this is made anew when nodes change.
const LENGTH_MIN: usize = 3;
/// And a longer one.
const LENGTH_MAX: usize = 32;

/// A node with its score for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) score: u64,
    pub(super) node: u32,
}

/// Every qualifying node whose score is at least `least_score`: best first, equal ones by node id.
#[derive(Clone, Debug)]
pub(super) struct Shortlist {
    /// Hash of the slot.
    pub(super) hash: u64,
    least_score: u64,
    pub(super) candidates: Vec<Candidate>,
}

/// How the nodes of a field became those of its successor.
pub(super) struct FieldChange {
    /// New index of each node of the old table that still qualifies at the same weight.
    pub(super) kept: Vec<u32>,
    /// Nodes of the new field that the old one did not have at this weight.
    pub(super) added: Vec<u32>,
}

impl Shortlist {
    pub(super) fn new(hash: u64, field: &Field) -> Self {
        let mut candidates = Vec::new();
        for class in &field.classes {
            let Some(least) = class.least_hash else {
                continue;
            };
            for (node, node_hash) in class.nodes.iter().zip(&class.hashes) {
                let pair = pair_hash(hash, *node_hash);
                if pair >= least {
                    let score = score_of(class.weight, pair);
                    candidates.push(Candidate { score, node: *node });
                }
            }
        }
        sort(&mut candidates);
        Self {
            hash,
            least_score: field.least_score,
            candidates,
        }
    }

    /// Whether no qualifying node is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.least_score == 0
    }

    /// Follows a change of the nodes.
    pub(super) fn apply(&mut self, change: &FieldChange, field: &Field, table: &NodeTable) {
        self.candidates.retain_mut(|candidate| {
            candidate.node = change.kept[candidate.node as usize];
            candidate.node != NO_NODE
        });
        let before = self.candidates.len();
        for &node in &change.added {
            let Some(entry) = table.get(node) else {
                continue;
            };
            let score = score_of(entry.weight, pair_hash(self.hash, entry.hash));
            if score >= self.least_score {
                self.candidates.push(Candidate { score, node });
            }
        }
        let is_fit = (LENGTH_MIN..=LENGTH_MAX).contains(&self.candidates.len());
        if !is_fit && (self.least_score != field.least_score || self.candidates.len() > LENGTH_MAX)
        {
            *self = Self::new(self.hash, field);
        } else if self.candidates.len() > before {
            sort(&mut self.candidates);
        }
    }
}

fn sort(candidates: &mut [Candidate]) {
    candidates.sort_unstable_by(|a, b| b.score.cmp(&a.score).then(a.node.cmp(&b.node)));
}
