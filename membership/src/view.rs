//! Who is here, as this node tells the rest of the program: foca's member list, made steady.
//!
//! foca's notifications can be lost or come twice; this is a copy of its list, and what is reported
//! as up, down or changed is the difference between the copy and the list, never a notification.
//! It never holds this node itself.

use std::ops::RangeBounds;

use imbl::OrdMap;

use crate::{Liveness, Member, NodeId};

/// How the view changed in respect of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Up(Member),
    Down(NodeId),
    Changed(Member),
}

/// All members but this node, by id, with what is believed of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    members: OrdMap<NodeId, (Member, Liveness)>,
    active: usize,
    /// Sum of what each member adds to the digest.
    sum: u64,
}

/// What a member adds to the digest.
fn part(member: &Member, is_down: bool) -> u64 {
    let mut hash = blake3::Hasher::new();
    hash.update(member.id.as_bytes());
    hash.update(&member.incarnation.to_le_bytes());
    hash.update(&[u8::from(is_down)]);
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

fn part_of(held: &(Member, Liveness)) -> u64 {
    part(&held.0, !held.1.is_active())
}

impl View {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Member, Liveness)> {
        self.members.values()
    }

    pub(crate) fn range(
        &self,
        ids: impl RangeBounds<NodeId>,
    ) -> impl Iterator<Item = &(Member, Liveness)> {
        self.members.range(ids).map(|(_, held)| held)
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<&(Member, Liveness)> {
        self.members.get(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// How many members count as being here.
    pub(crate) const fn active(&self) -> usize {
        self.active
    }

    /// Takes over what foca says of one member.
    pub(crate) fn update(&mut self, told: &foca::Member<Member>) -> Option<Change> {
        let (member, liveness) = (told.id(), Liveness::from(told.state()));
        // Looked at before it is touched: what is only read stays shared with copies.
        let before = self.members.get(&member.id);
        let was_active = before.is_some_and(|held| held.1.is_active());
        let changed = before.is_none_or(|held| held.0 != *member);
        if !changed && before.is_some_and(|held| held.1 == liveness) {
            return None;
        }
        let held = (member.clone(), liveness);
        if changed || was_active != liveness.is_active() {
            let gone = before.map_or(0, part_of);
            self.sum = self.sum.wrapping_sub(gone).wrapping_add(part_of(&held));
        }
        self.members.insert(member.id, held);
        match (was_active, liveness.is_active()) {
            (false, true) => {
                self.active += 1;
                Some(Change::Up(member.clone()))
            }
            (true, false) => {
                self.active -= 1;
                Some(Change::Down(member.id))
            }
            (true, true) if changed => Some(Change::Changed(member.clone())),
            _ => None,
        }
    }

    /// Forgets a member altogether. Whether it was known.
    pub(crate) fn remove(&mut self, id: NodeId) -> Option<(Member, Liveness)> {
        let removed = self.members.remove(&id)?;
        self.sum = self.sum.wrapping_sub(part_of(&removed));
        self.active -= usize::from(removed.1.is_active());
        Some(removed)
    }

    /// A number that two nodes share if, and but for chance only if, they agree on who is in which
    /// life and whether that life is over. Suspicions come and go, and don't count.
    ///
    /// A sum, so that a change costs the same however many members there are.
    pub(crate) fn digest(&self, me: &Member, me_left: bool) -> u64 {
        self.sum.wrapping_add(part(me, me_left))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use foca::State;

    use super::*;
    use crate::Addresses;

    fn told(number: u8, incarnation: u64, state: State) -> foca::Member<Member> {
        foca::Member::new(member(number, incarnation), 0, state)
    }

    fn member(number: u8, incarnation: u64) -> Member {
        Member {
            id: NodeId::from_bytes([number; 16]),
            addresses: Addresses::default(),
            incarnation,
        }
    }

    #[test]
    fn every_difference_is_reported_once() {
        let mut view = View::default();
        let up = view.update(&told(1, 1, State::Alive));
        assert_eq!(up, Some(Change::Up(member(1, 1))));
        assert_eq!(view.update(&told(1, 1, State::Alive)), None);
        assert_eq!(view.update(&told(1, 1, State::Suspect)), None);
        let changed = view.update(&told(1, 2, State::Alive));
        assert_eq!(changed, Some(Change::Changed(member(1, 2))));
        let down = view.update(&told(1, 2, State::Down));
        assert_eq!(down, Some(Change::Down(member(1, 2).id)));
        assert_eq!(view.update(&told(1, 3, State::Down)), None);
        assert_eq!(view.active(), 0);
        assert_eq!(view.update(&told(2, 1, State::Down)), None, "never was up");
    }

    #[test]
    fn two_nodes_that_agree_have_one_digest() {
        let (mut one, mut two) = (View::default(), View::default());
        one.update(&told(2, 1, State::Alive));
        one.update(&told(3, 1, State::Alive));
        two.update(&told(3, 1, State::Suspect));
        two.update(&told(1, 1, State::Alive));
        let before = one.digest(&member(1, 1), false);
        assert_eq!(before, two.digest(&member(2, 1), false));
        two.update(&told(3, 1, State::Down));
        assert_ne!(before, two.digest(&member(2, 1), false));
        one.update(&told(3, 1, State::Down));
        assert_eq!(
            one.digest(&member(1, 1), false),
            two.digest(&member(2, 1), false)
        );
    }

    #[test]
    fn the_digest_tells_what_is_and_not_how_it_came_to_be() {
        let me = member(9, 1);
        let states = [State::Alive, State::Suspect, State::Down];
        let mut lived = View::default();
        let mut last = BTreeMap::new();
        for step in 0..2_000_u64 {
            let number = (step * 7 % 5) as u8;
            let one = told(number, step * 13 % 4, states[(step * 11 % 3) as usize]);
            lived.update(&one);
            last.insert(number, one);
            if step % 17 == 0 {
                lived.remove(member(number, 0).id);
                last.remove(&number);
            }
            let mut fresh = View::default();
            for one in last.values() {
                fresh.update(one);
            }
            assert_eq!(lived.digest(&me, false), fresh.digest(&me, false), "{step}");
        }
    }
}
