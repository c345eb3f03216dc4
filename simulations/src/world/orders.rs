//! Orders of people.

use std::time::Duration;

use shoal_scheduler::{
    order::{Order, WriteConcern},
    peer::{Input, Ticket},
    view::NodeFacts,
};

use super::{Outcome, World};
use crate::machine::facts_of;

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

    /// Tells a machine's agent what its machine is from now on, until it boots again.
    pub fn change_facts(&mut self, index: usize, change: impl FnOnce(&mut NodeFacts)) {
        let mut facts = facts_of(index);
        change(&mut facts);
        self.input(index, Input::Facts(Box::new(facts)));
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
}
