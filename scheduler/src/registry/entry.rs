//! One entry: the causal maxima of everything written under its key (a multi-value register,
//! Shapiro et al., "A comprehensive study of CRDTs", 2011, section 3.2.2).

use std::{cmp::Ordering, sync::Arc};

use crdts::{CmRDT, MVReg, VClock, mvreg::Op};
use shoal_membership::bugs::{self, Bug};

use super::{Actor, Key, Signed};

/// An entry. Empty until something is applied.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    register: MVReg<Arc<Signed>, Actor>,
}

impl Entry {
    /// Takes in a write. Whether that changed anything.
    pub fn apply(&mut self, signed: Arc<Signed>) -> bool {
        let clock = signed.write.vclock();
        for sibling in self.siblings() {
            match sibling.write.vclock().partial_cmp(&clock) {
                Some(Ordering::Greater) => return false,
                // A clone of a node wrote under the same dot: the larger hash wins everywhere.
                Some(Ordering::Equal) if sibling.hash >= signed.hash => return false,
                _ => {}
            }
        }
        self.register.apply(Op::Put { clock, val: signed });
        true
    }

    /// All writes that no other write knew of, in the order of their hashes.
    #[must_use]
    pub fn siblings(&self) -> Vec<Arc<Signed>> {
        let mut siblings = self.register.read().val;
        siblings.sort_by_key(|signed| signed.hash);
        siblings
    }

    /// Keeps only the siblings that pass. Whether any went.
    pub fn retain(&mut self, keep: impl Fn(&Signed) -> bool) -> bool {
        let siblings = self.siblings();
        let kept: Vec<_> = siblings
            .iter()
            .filter(|signed| keep(signed))
            .cloned()
            .collect();
        if kept.len() == siblings.len() {
            return false;
        }
        self.register = MVReg::new();
        for signed in kept {
            self.register.apply(Op::Put {
                clock: signed.write.vclock(),
                val: signed,
            });
        }
        true
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.register.read_ctx().add_clock.is_empty()
    }

    /// All that is known of the entry's history.
    #[must_use]
    pub fn clock(&self) -> VClock<Actor> {
        self.register.read_ctx().add_clock
    }

    /// The sibling that every node shows: an update beats a removal, then the later stamp, then
    /// the author, then the hash.
    #[must_use]
    pub fn winner(&self) -> Option<Arc<Signed>> {
        self.siblings().into_iter().max_by_key(|signed| {
            let write = &signed.write;
            (
                write.payload.is_some() != bugs::is(Bug::RemovalBeatsConcurrentUpdate),
                write.stamp,
                write.author,
                signed.hash,
            )
        })
    }

    /// A number that grows with every write, equal on nodes that hold the same entry.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.clock()
            .dots
            .values()
            .fold(0, |sum: u64, count| sum.saturating_add(*count))
    }

    /// 64 bits that stand for the state of this entry.
    #[must_use]
    pub fn leaf(&self, key: &Key) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&key.digest().to_le_bytes());
        for signed in self.siblings() {
            hasher.update(&signed.hash.to_le_bytes());
        }
        super::first_u64(&hasher.finalize())
    }
}
