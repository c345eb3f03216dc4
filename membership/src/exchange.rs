//! Comparing member lists with another node, over a stream that the driver opens.
//!
//! Gossip alone does not make a burst of joins converge: 1,000 nodes still disagreed after 600 s
//! (measured). So at the join, and then with a random member every few seconds, two nodes compare
//! [`Membership::digest`]; where it differs, one sends its [`Membership::member_list`], the other
//! applies it and answers with what its own list tells more ([`Membership::differing`]), which the
//! first applies. Then both hold the same. Nothing of this is gossiped on.

use std::collections::BTreeMap;

use foca::State;

use crate::{
    MEMBERS_MAX, Member, MemberRecord, Membership, NodeId, Now, confirm::Verdict,
    member::INCARNATION_MAX,
};

impl Membership {
    /// A number that is the same on two nodes that agree on who is in which life and who is down.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let (me, left) = (self.me().clone(), self.left);
        self.view.digest(&me, left)
    }

    /// All that this node knows, itself included, by id.
    #[must_use]
    pub fn member_list(&self) -> Vec<MemberRecord> {
        self.records().into_values().collect()
    }

    fn records(&self) -> BTreeMap<NodeId, MemberRecord> {
        let own = MemberRecord {
            member: self.me().clone(),
            refutations: self.refutations,
            down: self.left,
        };
        let others = self.foca.iter_membership_state().map(|told| MemberRecord {
            member: told.id().clone(),
            refutations: told.incarnation(),
            down: told.state() == State::Down,
        });
        others
            .chain(std::iter::once(own))
            .map(|record| (record.member.id, record))
            .collect()
    }

    /// What this node's list tells more than this one: the answer to it, once it is applied.
    #[must_use]
    pub fn differing(&self, theirs: &[MemberRecord]) -> Vec<MemberRecord> {
        let theirs: BTreeMap<NodeId, &MemberRecord> = theirs
            .iter()
            .map(|record| (record.member.id, record))
            .collect();
        let mut mine = self.records();
        mine.retain(|id, record| {
            theirs
                .get(id)
                .is_none_or(|their| record.tells_more_than(their))
        });
        mine.into_values().collect()
    }

    /// Takes in what another node's list tells more than this node knows. Gives how many lines did.
    ///
    /// A member that is here for us, and dead in the same life for them, isn't believed dead: it is
    /// asked, and renews itself; silence confirms it. Else two sides of a healed partition would
    /// kill each other's healthy members. Lines beyond the limit of members, or out of range, are
    /// ignored.
    pub fn apply_members(&mut self, list: &[MemberRecord], now: Now) -> usize {
        self.set_now(now);
        if self.left {
            return 0;
        }
        let known = self.records();
        let (mut news, mut contested) = (Vec::new(), Vec::new());
        let mut room = MEMBERS_MAX.saturating_sub(self.view.len());
        let in_range = |record: &&MemberRecord| record.member.incarnation <= INCARNATION_MAX;
        for record in list.iter().filter(in_range) {
            match known.get(&record.member.id) {
                _ if record.member.id == self.me().id => {}
                None if room == 0 => {}
                None => {
                    room -= 1;
                    news.push(record);
                }
                Some(mine) if !record.tells_more_than(mine) => {}
                Some(mine) if record.down && !mine.down => contested.push(record),
                Some(_) => news.push(record),
            }
        }
        let own = self.hear_own_record(list);
        self.apply_news(&news);
        for record in &contested {
            self.contest(record);
        }
        own + news.len() + contested.len()
    }

    fn apply_news(&mut self, news: &[&MemberRecord]) {
        let updates = news.iter().map(|record| {
            let state = if record.down {
                State::Down
            } else {
                State::Alive
            };
            foca::Member::new(record.member.clone(), record.refutations, state)
        });
        self.drive(|foca, effects| foca.apply_many(updates, false, effects));
        // Dead ones that were unknown make no notification.
        let ids: Vec<NodeId> = news.iter().map(|record| record.member.id).collect();
        self.follow_hints(&ids);
    }

    /// Another node says that a member is dead which is here for us.
    fn contest(&mut self, record: &MemberRecord) {
        let suspect: Member = record.member.clone();
        let alive = foca::Member::new(suspect.clone(), record.refutations, State::Alive);
        self.drive(|foca, effects| foca.apply_many(std::iter::once(alive), false, effects));
        self.suspect(suspect, record.refutations, Verdict::Told);
    }

    /// What the list says of this node itself.
    fn hear_own_record(&mut self, list: &[MemberRecord]) -> usize {
        let own = list
            .iter()
            .filter(|record| record.member.id == self.me().id)
            .find(|record| record.member.incarnation <= INCARNATION_MAX);
        let Some(record) = own else {
            return 0;
        };
        if record.member == *self.me() && record.down {
            let down = foca::Member::down(record.member.clone());
            self.drive(|foca, effects| foca.apply_many(std::iter::once(down), false, effects));
            return 1;
        }
        let before = self.me().incarnation;
        self.hear_of_own_life(&record.member);
        usize::from(self.me().incarnation != before)
    }
}
