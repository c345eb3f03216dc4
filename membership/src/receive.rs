//! What happens when a packet arrives.

use std::time::Duration;

use foca::{Header, Message, State};

use crate::{
    Liveness, MEMBERS_MAX, Member, Membership, NodeId, Now, Output, PacketError,
    effects::Effects,
    membership::Swim,
    packet::{Answer, Ask, Packet},
};

/// Two live nodes with one key would outbid each other without end, and wear out their disks.
const RESTORED_EVERY: Duration = Duration::from_secs(1);

impl Membership {
    /// Takes in a packet that arrived from the node that proved to hold this id's key.
    ///
    /// # Errors
    /// If it can't be believed. Nothing changes then, except where [`PacketError::Core`] says so.
    /// After [`Self::leave`] all packets are ignored.
    pub fn handle_packet(
        &mut self,
        from: NodeId,
        bytes: &[u8],
        now: Now,
    ) -> Result<(), PacketError> {
        self.set_now(now);
        if self.left {
            return Ok(());
        }
        let packet = Packet::decode(bytes, from, self.me().id)?;
        self.check_room(&packet)?;
        if self.config.confirm_suspicions {
            self.suspicions.heard(from, self.now);
        }
        self.hear_of_own_lives(&packet);
        self.note_answer(from);
        match packet {
            Packet::Swim {
                header,
                updates,
                bytes,
            } => {
                let told_down = header.message == Message::TurnUndead;
                let call =
                    |foca: &mut Swim, effects: &mut Effects| foca.handle_data(bytes, effects);
                let error = if self.tells_nothing(&header, &updates) {
                    self.drive_as_is(call)
                } else {
                    self.drive(call)
                };
                if told_down {
                    tracing::debug!(%from, "takes this node for down");
                }
                error.map_or(Ok(()), |error| Err(PacketError::Core(error.to_string())))
            }
            Packet::Ask(ask) => {
                let answer = self.answer_to(&ask);
                self.outputs.send(&ask.asker, answer.to_packet());
                Ok(())
            }
            Packet::Answer(answer) => {
                self.believe(answer);
                Ok(())
            }
            Packet::Passed(passed) => {
                self.handle_passed(from, passed);
                Ok(())
            }
        }
    }

    /// Whether a message says only of members who are known to live that they live this very life:
    /// then it changes nothing in the list that the view shows.
    fn tells_nothing(&self, header: &Header<Member>, updates: &[foca::Member<Member>]) -> bool {
        let is_known = |told: &Member| {
            let known = self.view.get(told.id);
            known.is_some_and(|(member, live)| *live == Liveness::Alive && member == told)
        };
        let is_no_news =
            |told: &foca::Member<Member>| told.state() == State::Alive && is_known(told.id());
        header.message != Message::TurnUndead
            && is_known(&header.src)
            && updates.iter().all(is_no_news)
    }

    fn check_room(&self, packet: &Packet<'_>) -> Result<(), PacketError> {
        let is_full = self.view.len() >= MEMBERS_MAX;
        let is_new = |member: &Member| member.id != self.me().id && !self.knows(member.id);
        if is_full && packet.members().any(is_new) {
            return Err(PacketError::TooManyMembers(MEMBERS_MAX));
        }
        Ok(())
    }

    fn knows(&self, id: NodeId) -> bool {
        self.view.get(id).is_some()
    }

    /// Any packet of the member that is being probed shows that it and the way to it work.
    fn note_answer(&mut self, from: NodeId) {
        if let Some(probe) = &mut self.probe
            && probe.target == from
            && !probe.answered
        {
            probe.answered = true;
            self.health.probe_answered();
        }
    }

    fn hear_of_own_lives(&mut self, packet: &Packet<'_>) {
        let id = self.me().id;
        let own_lives = packet.members().filter(|member| member.id == id);
        if let Some(latest) = own_lives.max_by_key(|member| member.incarnation) {
            self.hear_of_own_life(latest);
        }
    }

    /// The others know a life of ours that we don't: our disk is older than they remember.
    pub(crate) fn hear_of_own_life(&mut self, heard: &Member) {
        let me = self.me();
        let is_later = heard.incarnation > me.incarnation
            || (heard.incarnation == me.incarnation && heard.addresses != me.addresses);
        let is_too_soon = self
            .restored_at
            .is_some_and(|at| self.now < at.saturating_add(RESTORED_EVERY));
        if !is_later || is_too_soon {
            return;
        }
        let heard = heard.incarnation;
        let above = Member {
            incarnation: heard,
            ..me.clone()
        };
        self.restored_at = Some(self.now);
        self.outputs.push(Output::RestoredImage { heard });
        self.live_as(above);
    }

    /// Somebody doubts that we are here: our own word, above the doubt.
    pub(crate) fn answer_to(&mut self, ask: &Ask) -> Answer {
        if ask.suspect == *self.me() {
            self.refute(ask);
        }
        Answer {
            member: self.me().clone(),
            refutations: self.refutations,
        }
    }

    /// Tells foca of the doubt, so that it speaks from above it too. A life that is held for over
    /// can't be defended: foca begins a new one. So it does when the refutations run out (u16).
    fn refute(&mut self, ask: &Ask) {
        if !ask.down && ask.refutations < self.refutations {
            return;
        }
        let state = if ask.down {
            State::Down
        } else {
            State::Suspect
        };
        let doubt = foca::Member::new(ask.suspect.clone(), ask.refutations, state);
        self.drive(|foca, effects| foca.apply_many(std::iter::once(doubt), false, effects));
        if ask.suspect == *self.me() {
            self.refutations = ask.refutations.saturating_add(1);
        }
    }

    /// A member's own word about itself.
    pub(crate) fn believe(&mut self, answer: Answer) {
        let id = answer.member.id;
        let alive = foca::Member::new(answer.member, answer.refutations, State::Alive);
        self.drive(|foca, effects| foca.apply_many(std::iter::once(alive), true, effects));
        self.follow_hints(&[id]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Addresses, Config, Profile};

    fn member(number: u8, incarnation: u64) -> Member {
        Member {
            id: NodeId::from_bytes([number; 16]),
            addresses: Addresses::default(),
            incarnation,
        }
    }

    /// Node 1, in its fifth life, that knows node 2.
    fn node() -> Membership {
        let config = Config::for_profile(Profile::Lan, 2);
        let mut node = Membership::new(config, member(1, 5), 1, Now::default());
        let two = crate::MemberRecord {
            member: member(2, 1),
            refutations: 0,
            down: false,
        };
        assert_eq!(node.apply_members(&[two], Now::default()), 1);
        drain(&mut node);
        node
    }

    fn drain(node: &mut Membership) -> Vec<Output> {
        std::iter::from_fn(|| node.poll()).collect()
    }

    fn ask(suspect: Member, refutations: u16, down: bool) -> Vec<u8> {
        let ask = Ask {
            asker: member(2, 1),
            suspect,
            refutations,
            down,
        };
        ask.to_packet()
    }

    fn answers(node: &mut Membership, packet: &[u8]) -> (Vec<Output>, Answer) {
        let from = member(2, 1).id;
        node.handle_packet(from, packet, Now::default()).unwrap();
        let outputs = drain(node);
        let answer = outputs.iter().find_map(|output| match output {
            Output::Send { packet, .. } => match Packet::decode(packet, member(1, 0).id, from) {
                Ok(Packet::Answer(answer)) => Some(answer),
                _ => None,
            },
            _ => None,
        });
        (outputs, answer.unwrap())
    }

    #[test]
    fn a_suspect_answers_from_above_the_doubt() {
        let mut node = node();
        let (_, answer) = answers(&mut node, &ask(member(1, 5), 3, false));
        assert_eq!((answer.member, answer.refutations), (member(1, 5), 4));
        let (outputs, answer) = answers(&mut node, &ask(member(1, 5), 3, false));
        assert_eq!(answer.refutations, 4);
        assert_eq!(outputs.len(), 1, "no gossip about what is refuted already");
        let (_, answer) = answers(&mut node, &ask(member(1, 2), 9, false));
        assert_eq!(answer.member, member(1, 5), "a doubt about a former life");
    }

    #[test]
    fn where_a_life_cannot_be_defended_the_next_begins_and_is_persisted_first() {
        let last = ask(member(1, 5), u16::MAX, false);
        for packet in [last, ask(member(1, 5), 0, true)] {
            let mut node = node();
            let (outputs, answer) = answers(&mut node, &packet);
            assert_eq!((answer.member, answer.refutations), (member(1, 6), 0));
            assert_eq!(outputs[0], Output::PersistIncarnation(6));
            assert_eq!(outputs[1], Output::Renewed(member(1, 6)));
        }
    }

    #[test]
    fn a_later_life_of_ours_means_a_restored_image() {
        let mut node = node();
        let (outputs, answer) = answers(&mut node, &ask(member(1, 40), 0, false));
        assert_eq!(answer.member, member(1, 41));
        assert_eq!(outputs[0], Output::RestoredImage { heard: 40 });
        assert_eq!(outputs[1], Output::PersistIncarnation(41));
        let (_, answer) = answers(&mut node, &ask(member(1, 90), 0, false));
        assert_eq!(answer.member, member(1, 41), "not twice within a second");
    }

    #[test]
    fn a_packet_must_be_from_its_sender_to_us_and_in_range() {
        let mut node = node();
        let now = Now::default();
        let packet = ask(member(1, 5), 0, false);
        let three = member(3, 0).id;
        let wrong = node.handle_packet(three, &packet, now);
        assert!(matches!(wrong, Err(PacketError::WrongSource { .. })));
        let two = member(2, 0).id;
        let other = node.handle_packet(two, &ask(member(3, 5), 0, false), now);
        assert!(matches!(other, Err(PacketError::NotForUs(_))));
        let high = node.handle_packet(two, &ask(member(1, u64::MAX), 0, false), now);
        assert!(matches!(high, Err(PacketError::Incarnation(_))));
        let big = node.handle_packet(two, &[0x10; crate::MAX_PACKET + 1], now);
        assert!(matches!(big, Err(PacketError::TooBig(_))));
        assert_eq!(drain(&mut node), []);
    }
}
