//! Machines that join: a stream to a member with a token, and back.

use std::time::Duration;

use shoal_membership::{Addresses, NodeId, PublicKey};
use shoal_scheduler::{
    order::WriteConcern,
    peer::{Input, JoinDenied, Ticket, Welcome},
    registry::SignedBytes,
};

use super::{Outcome, World};
use crate::event::What;

pub(super) const TOKEN: &str = "simulated";
/// Bytes of a request to join, and about what an admission is.
const REQUEST_BYTES: usize = 300;

impl World {
    pub(super) fn make_token(&mut self) {
        let ticket = Ticket(1 << 41);
        let token = Input::Token {
            is_standing: false,
            ticket,
            id: TOKEN.into(),
            key: PublicKey::from_bytes([1; 32]),
            ttl: None,
            uses: None,
            concern: WriteConcern::Local,
        };
        self.input(0, token);
        self.outcome(0, ticket);
    }

    /// A machine that is off asks another to be admitted; it starts when it is. What came of it is an
    /// [outcome](Self::outcome) at the one asked. None: no way there, as to one behind a NAT, or no
    /// agent.
    pub fn ask_to_join(&mut self, index: usize, by_way_of: usize) -> Option<Ticket> {
        let asked = &self.machines[by_way_of];
        if self.machines[index].peer.is_some() || asked.peer.is_none() || asked.is_behind_nat {
            return None;
        }
        let delay = self
            .links
            .stream(index, by_way_of, REQUEST_BYTES, self.now)?;
        self.next_order += 1;
        let ticket = Ticket(1 << 42 | self.next_order);
        self.joining.insert((by_way_of, ticket), index);
        let request = Input::Join {
            ticket,
            key: self.machines[index].secret.public(),
            token: TOKEN.into(),
        };
        self.schedule(delay, by_way_of, What::Arrive(request));
        Some(ticket)
    }

    /// A machine joins by way of another, and starts. Waits for it.
    pub fn join(&mut self, index: usize, by_way_of: usize) -> Option<JoinDenied> {
        let Some(ticket) = self.ask_to_join(index, by_way_of) else {
            return Some(JoinDenied::Busy);
        };
        match self.outcome(by_way_of, ticket) {
            Some(Outcome::Joined(Ok(_))) => {
                let is_on = |world: &Self| world.machines[index].peer.is_some();
                let limit = Duration::from_secs(30);
                (!self.run_until(limit, is_on)).then_some(JoinDenied::Busy)
            }
            Some(Outcome::Joined(Err(denied))) => Some(denied),
            _ => Some(JoinDenied::Busy),
        }
    }

    /// A machine shows a member that does not know it how it was admitted.
    pub(super) fn vouch(&mut self, index: usize, to: NodeId, writes: Vec<SignedBytes>) {
        let Some(to) = self.indexes.get(&to).copied() else {
            return;
        };
        let bytes = shoal_membership::codec::encode(&writes).len();
        self.traffic.message(bytes);
        if let Some(delay) = self.links.stream(index, to, bytes, self.now) {
            let key = self.machines[index].secret.public();
            self.schedule(delay, to, What::Arrive(Input::Vouched { key, writes }));
        }
    }

    /// A member has decided about a machine that wants to join.
    pub(super) fn decided(
        &mut self,
        member: usize,
        ticket: Ticket,
        result: Result<Welcome, JoinDenied>,
    ) {
        if let Some(newcomer) = self.joining.remove(&(member, ticket))
            && let Ok(mut welcome) = result.clone()
        {
            let host = self.machines[member].id();
            let address = self.machines[member].address(member);
            welcome.members.push((host, Addresses::from(address)));
            let bytes = shoal_membership::codec::encode(&welcome).len();
            self.traffic.message(bytes);
            if let Some(delay) = self.links.stream(member, newcomer, bytes, self.now) {
                self.schedule(delay, newcomer, What::Welcome(Box::new(welcome)));
            }
        }
        self.outcomes
            .insert((member, ticket), Outcome::Joined(result));
    }

    pub(super) fn admitted(&mut self, index: usize, welcome: Welcome) {
        let machine = &mut self.machines[index];
        machine.disk.welcome(welcome.writes, welcome.members);
        machine.is_member = true;
        self.boot(index);
    }
}
