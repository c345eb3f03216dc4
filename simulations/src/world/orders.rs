//! Orders of people, and machines that join.

use std::time::Duration;

use shoal_membership::PublicKey;
use shoal_scheduler::{
    order::{Order, WriteConcern},
    peer::{Input, JoinDenied, Ticket},
};

use super::{Outcome, World};
use crate::machine::address_of;

pub(super) const TOKEN: &str = "simulated";

impl World {
    /// Gives an order to a machine; how it ends is found by [`Self::outcome`].
    pub fn order(&mut self, index: usize, order: Order) -> Ticket {
        self.order_with(index, order, WriteConcern::One)
    }

    /// The same, with a write concern.
    pub fn order_with(&mut self, index: usize, order: Order, concern: WriteConcern) -> Ticket {
        self.next_order += 1;
        let ticket = Ticket(1 << 40 | self.next_order);
        self.input(
            index,
            Input::Order {
                ticket,
                order,
                concern,
            },
        );
        ticket
    }

    /// How an order ended. Waits for it up to 30 s.
    pub fn outcome(&mut self, index: usize, ticket: Ticket) -> Option<Outcome> {
        let limit = Duration::from_secs(30);
        self.run_until(limit, |world| world.outcomes.contains_key(&(index, ticket)));
        self.outcomes.remove(&(index, ticket))
    }

    /// Whether an order or a join has ended that nobody asked about yet.
    #[must_use]
    pub fn has_outcomes(&self) -> bool {
        !self.outcomes.is_empty()
    }

    /// One that has ended, and how.
    pub fn next_outcome(&mut self) -> Option<(usize, Ticket, Outcome)> {
        let ((index, ticket), outcome) = self.outcomes.pop_first()?;
        Some((index, ticket, outcome))
    }

    pub(super) fn make_token(&mut self) {
        let ticket = Ticket(1 << 41);
        let token = Input::Token {
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

    /// A machine joins by way of another, and starts.
    pub fn join(&mut self, index: usize, by_way_of: usize) -> Option<JoinDenied> {
        self.next_order += 1;
        let ticket = Ticket(1 << 42 | self.next_order);
        let key = self.machines[index].secret.public();
        self.input(
            by_way_of,
            Input::Join {
                ticket,
                key,
                token: TOKEN.into(),
            },
        );
        match self.outcome(by_way_of, ticket) {
            Some(Outcome::Joined(Ok(welcome))) => {
                let host = self.machines[by_way_of].id();
                let disk = &mut self.machines[index].disk;
                disk.welcome(welcome.writes, welcome.members);
                disk.locate(host, address_of(by_way_of));
                self.boot(index);
                None
            }
            Some(Outcome::Joined(Err(denied))) => Some(denied),
            _ => Some(JoinDenied::Busy),
        }
    }
}
