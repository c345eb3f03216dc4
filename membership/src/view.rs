//! Who is here, as this node tells the rest of the program: foca's member list, made steady.
//!
//! foca's notifications can be lost or come twice; this is a copy of its list, and what is reported
//! as up, down or changed is the difference between the copy and the list, never a notification.
//! It never holds this node itself.

use std::collections::BTreeMap;

use crate::{Liveness, Member, NodeId};

/// How the view changed in respect of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Up(Member),
    Down(NodeId),
    Changed(Member),
}

/// All members but this node, by id, with what is believed of them.
#[derive(Debug, Default)]
pub(crate) struct View {
    members: BTreeMap<NodeId, (Member, Liveness)>,
    active: usize,
    digest: Option<u64>,
}

impl View {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Member, Liveness)> {
        self.members.values()
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
        let before = self.members.get_mut(&member.id);
        let was_active = before.as_ref().is_some_and(|held| held.1.is_active());
        let changed = before.as_ref().is_none_or(|held| held.0 != *member);
        match before {
            Some(held) if changed || held.1 != liveness => *held = (member.clone(), liveness),
            Some(_) => return None,
            None => {
                let entry = (member.clone(), liveness);
                self.members.insert(member.id, entry);
            }
        }
        if changed || was_active != liveness.is_active() {
            self.digest = None;
        }
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
        self.digest = None;
        self.active -= usize::from(removed.1.is_active());
        Some(removed)
    }

    /// This node's own life is part of the digest, so it must be told when that changes.
    pub(crate) fn own_life_changed(&mut self) {
        self.digest = None;
    }

    /// A number that two nodes share if, and but for chance only if, they agree on who is in which
    /// life and whether that life is over. Suspicions come and go, and don't count.
    pub(crate) fn digest(&mut self, me: &Member, me_left: bool) -> u64 {
        if let Some(digest) = self.digest {
            return digest;
        }
        let mut hash = blake3::Hasher::new();
        let mut feed = |member: &Member, down: bool| {
            hash.update(member.id.as_bytes());
            hash.update(&member.incarnation.to_le_bytes());
            hash.update(&[u8::from(down)]);
        };
        for (member, liveness) in self.members.range(..me.id).map(|(_, held)| held) {
            feed(member, !liveness.is_active());
        }
        feed(me, me_left);
        for (member, liveness) in self.members.range(me.id..).map(|(_, held)| held) {
            feed(member, !liveness.is_active());
        }
        let mut first = [0; 8];
        first.copy_from_slice(&hash.finalize().as_bytes()[..8]);
        let digest = u64::from_le_bytes(first);
        self.digest = Some(digest);
        digest
    }
}

#[cfg(test)]
mod tests {
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
}
