//! Write concern: on how many disks a write must be before it is acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shoal_membership::NodeId;

use super::{Effect, JoinDenied, Peer, Ticket, calls::Purpose, disk::OwnWrites, orders::Origin};
use crate::{
    gossip::Question,
    order::{Receipt, WriteConcern},
    registry::SignedBytes,
};

/// A write that waits for other holders.
#[derive(Debug)]
pub(super) struct Held {
    waiter: Waiter,
    writes: Vec<SignedBytes>,
    wanted: usize,
    holders: usize,
    asked: BTreeSet<NodeId>,
    outstanding: usize,
    deadline: Duration,
}

#[derive(Debug)]
enum Waiter {
    Order {
        ticket: Ticket,
        id: String,
        warnings: Vec<String>,
    },
    Join {
        ticket: Ticket,
    },
}

/// All writes that wait.
pub(super) type Waiting = BTreeMap<Ticket, Held>;

impl Peer {
    /// Own writes are on this node's disk: see who else must have them.
    pub(super) fn own_writes_held(&mut self, own: OwnWrites) {
        let (waiter, concern) = match own.origin {
            Origin::Order {
                ticket,
                concern,
                id,
                warnings,
            } => (
                Waiter::Order {
                    ticket,
                    id,
                    warnings,
                },
                concern,
            ),
            Origin::Join { ticket } => (Waiter::Join { ticket }, WriteConcern::One),
            Origin::Machine { .. } => return,
        };
        let held = Held {
            waiter,
            writes: own.writes.iter().map(|signed| signed.to_bytes()).collect(),
            wanted: self.holders_wanted(concern),
            holders: 1,
            asked: [self.me()].into(),
            outstanding: 0,
            deadline: self
                .now
                .monotonic
                .saturating_add(self.config.timing.write_timeout),
        };
        let name = self.new_ticket();
        self.waiting_writes.insert(name, held);
        self.pursue(name);
    }

    fn holders_wanted(&self, concern: WriteConcern) -> usize {
        let roster = self.catalog.roster().len().max(1);
        match concern {
            WriteConcern::Local => 1,
            WriteConcern::One => roster.min(2),
            WriteConcern::Majority => roster / 2 + 1,
            WriteConcern::All => roster,
        }
    }

    /// Asks as many living peers as are still needed, or ends the wait.
    fn pursue(&mut self, name: Ticket) {
        let Some(mut held) = self.waiting_writes.remove(&name) else {
            return;
        };
        let candidates: Vec<NodeId> = self
            .living_members()
            .filter(|node| !held.asked.contains(node))
            .collect();
        let needed = held.wanted.saturating_sub(held.holders + held.outstanding);
        let needed = needed.min(self.calls_left());
        for node in candidates.into_iter().take(needed) {
            held.asked.insert(node);
            held.outstanding += 1;
            let question = Question::Hold {
                writes: held.writes.clone(),
            };
            self.ask(node, Purpose::Hold { write: name }, &question);
        }
        let is_over = held.holders >= held.wanted || held.outstanding == 0;
        if is_over || self.now.monotonic >= held.deadline {
            self.acknowledge(held);
        } else {
            self.waiting_writes.insert(name, held);
        }
    }

    /// A peer said whether it holds a write; silence is a no.
    pub(super) fn hold_answered(&mut self, write: Ticket, holds: bool) {
        if let Some(held) = self.waiting_writes.get_mut(&write) {
            held.outstanding = held.outstanding.saturating_sub(1);
            held.holders += usize::from(holds);
            self.pursue(write);
        }
    }

    /// Ends waits that have lasted too long.
    pub(super) fn tend_concerns(&mut self) {
        let now = self.now.monotonic;
        let due: Vec<Ticket> = self
            .waiting_writes
            .iter()
            .filter(|(_, held)| held.deadline <= now)
            .map(|(name, _)| *name)
            .collect();
        for name in due {
            if let Some(held) = self.waiting_writes.remove(&name) {
                self.acknowledge(held);
            }
        }
    }

    pub(super) fn concern_deadline(&self) -> Option<Duration> {
        self.waiting_writes.values().map(|held| held.deadline).min()
    }

    fn acknowledge(&mut self, held: Held) {
        match held.waiter {
            Waiter::Join { ticket } => self.welcome(ticket),
            Waiter::Order {
                ticket,
                id,
                mut warnings,
            } => {
                if held.holders < held.wanted {
                    let (holders, wanted) = (held.holders, held.wanted);
                    tracing::debug!(holders, wanted, "fewer disks than asked for hold a write");
                    warnings.push(format!(
                        "written to {} of the {} nodes asked for; the others get it when they \
                         answer again",
                        held.holders, held.wanted
                    ));
                }
                let holders = u32::try_from(held.holders).unwrap_or(u32::MAX);
                self.ordered(
                    ticket,
                    Ok(Receipt {
                        id,
                        holders,
                        warnings,
                    }),
                );
            }
        }
    }

    pub(super) fn joined(&mut self, ticket: Ticket, result: Result<super::Welcome, JoinDenied>) {
        self.effects.push_back(Effect::Joined { ticket, result });
    }
}
