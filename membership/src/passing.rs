//! Questions to a suspect by way of a third member, and the answers back.
//!
//! A path may be gone while both its ends are well: two nodes behind NATs never hear each other at
//! all. SWIM's indirect probes (Das, Gupta and Motivala, 2002, section 3.1) help only if one of the
//! few members asked for hears both; where half of the nodes are behind NATs, three of them don't
//! one time in eight. So whoever holds a suspicion sends each second question by way of another
//! member, each time the next one in the order of ids: who hears both is found before the verdict.
//!
//! Who passes a packet on keeps nothing, and passes on only what its author itself handed to it: one
//! hop, one packet for one.

use std::ops::Bound;

use crate::{
    Member, Membership, NodeId,
    packet::{Ask, Passed, Word},
};

impl Membership {
    /// Asks the suspect by way of the first member after `last` that is neither of the two. Gives who
    /// that was.
    pub(crate) fn ask_through_another(&mut self, ask: Ask, last: NodeId) -> Option<NodeId> {
        let suspect = ask.suspect.id;
        let helper = self.next_active(last, suspect)?.clone();
        let word = Word::Ask(ask);
        let passed = Passed { to: suspect, word };
        self.outputs.send(&helper, passed.to_packet());
        Some(helper.id)
    }

    /// The next member in the order of ids that is here, round and round.
    fn next_active(&self, last: NodeId, except: NodeId) -> Option<&Member> {
        let after = self.view.range((Bound::Excluded(last), Bound::Unbounded));
        let from_the_start = self.view.range((Bound::Unbounded, Bound::Included(last)));
        after
            .chain(from_the_start)
            .find(|(member, liveness)| liveness.is_active() && member.id != except)
            .map(|(member, _)| member)
    }

    /// A packet that came by way of another member, or that is to go on to one.
    pub(crate) fn handle_passed(&mut self, from: NodeId, passed: Passed) {
        if passed.to != self.me.id {
            if let Some((to, _)) = self.view.get(passed.to) {
                self.outputs.send(to, passed.to_packet());
            }
            return;
        }
        let author = passed.word.author().id;
        if self.config.confirm_suspicions {
            self.suspicions.heard(author, self.now);
        }
        match passed.word {
            Word::Answer(answer) => self.believe(answer),
            Word::Ask(ask) => {
                let word = Word::Answer(self.answer_to(&ask));
                let back = Passed { to: author, word };
                if let Some((helper, _)) = self.view.get(from) {
                    self.outputs.send(helper, back.to_packet());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Addresses, Config, MemberRecord, Now, Output, PacketError, Profile};

    fn member(number: u8) -> Member {
        Member {
            id: NodeId::from_bytes([number; 16]),
            addresses: Addresses::default(),
            incarnation: 1,
        }
    }

    /// A node that knows the others of four.
    fn node(number: u8) -> Membership {
        let config = Config::for_profile(Profile::Lan, 4);
        let mut node = Membership::new(config, member(number), 1, Now::default());
        let others = (1..=4).filter(|other| *other != number);
        let list: Vec<_> = others
            .map(|other| MemberRecord {
                member: member(other),
                refutations: 0,
                down: false,
            })
            .collect();
        node.apply_members(&list, Now::default());
        while node.poll().is_some() {}
        node
    }

    fn ask(asker: u8, suspect: u8) -> Ask {
        Ask {
            asker: member(asker),
            suspect: member(suspect),
            refutations: 0,
            down: false,
        }
    }

    fn passed(asker: u8, suspect: u8) -> Vec<u8> {
        let (to, word) = (member(suspect).id, Word::Ask(ask(asker, suspect)));
        Passed { to, word }.to_packet()
    }

    /// The one packet that the node sends on getting this one.
    fn only_packet(node: &mut Membership, from: u8, bytes: &[u8]) -> (NodeId, Vec<u8>) {
        let from = member(from).id;
        node.handle_packet(from, bytes, Now::default()).unwrap();
        let sent = std::iter::from_fn(|| node.poll()).filter_map(|output| match output {
            Output::Send { to, packet, .. } => Some((to, packet)),
            _ => None,
        });
        let sent: Vec<_> = sent.filter(|(_, packet)| packet[0] == bytes[0]).collect();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent[0].clone()
    }

    #[test]
    fn a_question_and_its_answer_go_by_way_of_a_third() {
        let (mut asker, mut helper, mut suspect) = (node(1), node(2), node(3));
        assert_eq!(
            asker.ask_through_another(ask(1, 3), member(1).id),
            Some(member(2).id)
        );
        let Some(Output::Send { to, packet, .. }) = asker.poll() else {
            panic!("nothing was sent");
        };
        assert_eq!(to, member(2).id);
        let (to, on) = only_packet(&mut helper, 1, &packet);
        assert_eq!((to, &on), (member(3).id, &packet));
        let (to, answer) = only_packet(&mut suspect, 2, &on);
        assert_eq!(to, member(2).id);
        let (to, back) = only_packet(&mut helper, 3, &answer);
        assert_eq!((to, &back), (member(1).id, &answer));
        let two = member(2).id;
        asker.handle_packet(two, &back, Now::default()).unwrap();
        let record = asker.member_list().into_iter().nth(2).unwrap();
        assert_eq!((record.member, record.refutations), (member(3), 1));
    }

    #[test]
    fn each_question_goes_by_way_of_another() {
        let mut asker = node(1);
        let mut last = member(3).id;
        let helpers = std::iter::from_fn(|| {
            last = asker.ask_through_another(ask(1, 3), last)?;
            Some(last)
        });
        let helpers: Vec<_> = helpers.take(3).collect();
        assert_eq!(helpers, [4, 2, 4].map(|number| member(number).id));
    }

    #[test]
    fn only_its_author_hands_a_packet_to_another() {
        let mut helper = node(2);
        let now = Now::default();
        let four = member(4).id;
        let foreign = helper.handle_packet(four, &passed(1, 3), now);
        assert!(matches!(foreign, Err(PacketError::WrongSource { .. })));
        let own = helper.handle_packet(four, &passed(2, 3), now);
        assert!(matches!(own, Err(PacketError::WrongSource { .. })));
        let mut other = passed(1, 3);
        other[1] ^= 1;
        let astray = helper.handle_packet(member(1).id, &other, now);
        assert!(matches!(astray, Err(PacketError::NotForUs(_))));
        assert_eq!(helper.poll(), None);
        let unknown = Passed {
            to: member(9).id,
            word: Word::Ask(ask(1, 9)),
        };
        let nobody = helper.handle_packet(member(1).id, &unknown.to_packet(), now);
        assert!(nobody.is_ok() && helper.poll().is_none());
    }
}
