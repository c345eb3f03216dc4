//! A member as the others know it: its stable id, and the part that changes from life to life.
//!
//! The id is foca's `Addr`, so the member list is bounded by the number of nodes. The incarnation
//! decides between two claims about one node. It is persisted by the node and never comes from a
//! clock: a Raspberry Pi without one would lose to its own dead self (Corrosion's trap).

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{Addresses, NodeId};

/// No node restarts this often. A higher claim is a mistake or an attack, and is refused, so that
/// there is always a number above what one hears of oneself.
pub const INCARNATION_MAX: u64 = 1 << 48;

/// A node in one of its lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Encode, Decode)]
pub struct Member {
    /// What its key says it is. Never changes.
    pub id: NodeId,
    /// Where it can be reached in this life.
    pub addresses: Addresses,
    /// Which of its lives this is: 1 + max(persisted, heard) at each start, renewal or change of
    /// addresses. At most [`INCARNATION_MAX`].
    pub incarnation: u64,
}

impl Member {
    /// Whether this claim about a node is newer than the other about the same node. The addresses
    /// only break ties, so that every node keeps the same one of two that should never both exist.
    #[must_use]
    pub fn supersedes(&self, other: &Self) -> bool {
        (self.incarnation, &self.addresses) > (other.incarnation, &other.addresses)
    }
}

/// An id as foca looks for it: by comparing it with each member's in turn, for every packet.
#[derive(Clone, Copy, Debug)]
pub struct SoughtId(u128);

impl PartialEq for SoughtId {
    /// Nearly all pairs differ in the first half, and the second is then not even read: that takes
    /// half as long as to compare both, and at 10,000 members this is most of what a node does.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0 as u64 == other.0 as u64 && is_same_rest(self.0, other.0)
    }
}

impl Eq for SoughtId {}

/// Out of line, or the compiler makes one comparison of both.
#[cold]
#[inline(never)]
fn is_same_rest(one: u128, other: u128) -> bool {
    one == other
}

impl foca::Identity for Member {
    type Addr = SoughtId;

    fn renew(&self) -> Option<Self> {
        (self.incarnation < INCARNATION_MAX).then(|| Self {
            incarnation: self.incarnation + 1,
            ..self.clone()
        })
    }

    #[inline]
    fn addr(&self) -> SoughtId {
        SoughtId(u128::from_ne_bytes(*self.id.as_bytes()))
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.supersedes(adversary)
    }
}

/// What this node believes of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Liveness {
    /// It answers, or nobody had a reason to doubt it.
    Alive,
    /// Somebody's probe of it failed. It still counts as alive.
    Suspect,
    /// It left, or didn't answer within the suspicion time.
    Down,
}

impl Liveness {
    /// Whether the member counts as being here: alive or suspect.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Alive | Self::Suspect)
    }
}

impl From<foca::State> for Liveness {
    fn from(state: foca::State) -> Self {
        match state {
            foca::State::Alive => Self::Alive,
            foca::State::Suspect => Self::Suspect,
            foca::State::Down => Self::Down,
        }
    }
}

/// One line of a member list, as two nodes exchange it over a stream.
///
/// A suspicion is not worth a line: it travels as "alive", and only SWIM itself spreads it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct MemberRecord {
    /// The member, in the newest life known.
    pub member: Member,
    /// foca's counter of refuted suspicions within this life.
    pub refutations: u16,
    /// Whether this life is over.
    pub down: bool,
}

impl MemberRecord {
    /// Whether a node that holds `other` learns something from this line about the same member.
    pub(crate) fn tells_more_than(&self, other: &Self) -> bool {
        if self.member != other.member {
            return self.member.supersedes(&other.member);
        }
        !other.down && (self.down || self.refutations > other.refutations)
    }
}

#[cfg(test)]
mod tests {
    use foca::Identity;

    use super::*;

    fn member(incarnation: u64) -> Member {
        Member {
            id: NodeId::from_bytes([1; 16]),
            addresses: Addresses::default(),
            incarnation,
        }
    }

    #[test]
    fn a_renewed_member_wins_and_there_is_an_end_to_it() {
        let renewed = member(7).renew().unwrap();
        assert!(renewed.win_addr_conflict(&member(7)));
        assert!(!member(7).win_addr_conflict(&renewed));
        assert!(!member(7).win_addr_conflict(&member(7)));
        assert_eq!(member(INCARNATION_MAX).renew(), None);
        assert_eq!(member(u64::MAX).renew(), None);
    }

    #[test]
    fn the_end_of_a_life_tells_more_than_the_life_and_less_than_the_next() {
        let record = |incarnation, refutations, down| MemberRecord {
            member: member(incarnation),
            refutations,
            down,
        };
        assert!(record(1, 0, true).tells_more_than(&record(1, 9, false)));
        assert!(!record(1, 9, false).tells_more_than(&record(1, 0, true)));
        assert!(record(2, 0, false).tells_more_than(&record(1, 0, true)));
        assert!(record(1, 2, false).tells_more_than(&record(1, 1, false)));
        assert!(!record(1, 1, true).tells_more_than(&record(1, 1, true)));
    }
}
