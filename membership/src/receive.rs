//! What happens when a packet arrives.

use foca::{Message, State};

use crate::{
    MEMBERS_MAX, Member, Membership, NodeId, Now, Output, PacketError,
    packet::{Answer, Ask, Packet},
};

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
        self.suspicions.heard(from, self.now);
        self.hear_of_own_lives(&packet);
        self.note_answer(from);
        match packet {
            Packet::Swim { header, bytes, .. } => {
                let told_down = header.message == Message::TurnUndead;
                let error = self.drive(|foca, effects| foca.handle_data(bytes, effects));
                if told_down {
                    tracing::debug!(%from, "takes this node for down");
                }
                error.map_or(Ok(()), |error| Err(PacketError::Core(error.to_string())))
            }
            Packet::Ask(ask) => {
                self.answer(&ask);
                Ok(())
            }
            Packet::Answer(answer) => {
                self.believe(answer);
                Ok(())
            }
        }
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
        if let Some(latest) = own_lives.max_by_key(|member| member.incarnation).cloned() {
            self.hear_of_own_life(&latest);
        }
    }

    /// The others know a life of ours that we don't: our disk is older than they remember.
    pub(crate) fn hear_of_own_life(&mut self, heard: &Member) {
        let me = self.me();
        let is_later = heard.incarnation > me.incarnation
            || (heard.incarnation == me.incarnation && heard.addresses != me.addresses);
        if !is_later {
            return;
        }
        let heard = heard.incarnation;
        let above = Member {
            incarnation: heard,
            ..me.clone()
        };
        self.outputs.push(Output::RestoredImage { heard });
        self.live_as(above);
    }

    /// Somebody doubts that we are here. Our own word, above the doubt, goes straight back.
    fn answer(&mut self, ask: &Ask) {
        if ask.suspect == *self.me() {
            self.refute(ask);
        }
        let answer = Answer {
            member: self.me().clone(),
            refutations: self.refutations,
        };
        self.outputs.send(&ask.asker, answer.to_packet());
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
    fn believe(&mut self, answer: Answer) {
        let id = answer.member.id;
        let alive = foca::Member::new(answer.member, answer.refutations, State::Alive);
        self.drive(|foca, effects| foca.apply_many(std::iter::once(alive), true, effects));
        self.follow_hints(&[id]);
    }
}
