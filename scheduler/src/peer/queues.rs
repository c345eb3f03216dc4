//! What waits in a peer, and how much of it may: for whoever checks that memory is bounded.

use super::{Peer, answering, calls, orders, sync};

/// A queue, its length, and the most that it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// What waits in it.
    pub name: &'static str,
    /// How many of them.
    pub length: usize,
    /// How many may.
    pub limit: usize,
}

impl Peer {
    /// All queues. Between inputs, when the driver has taken all effects, the last three are empty.
    #[must_use]
    pub fn queues(&self) -> [Queue; 7] {
        let queue = |name, length, limit| Queue {
            name,
            length,
            limit,
        };
        [
            queue("questions asked", self.calls.len(), calls::CALLS_MAX),
            queue("syncs", self.sync.under_way(), sync::SYNCS_MAX),
            queue(
                "orders and findings",
                self.orders.waiting(),
                orders::QUEUE_MAX,
            ),
            queue(
                "peers that wait for the disk",
                self.disk.waiting(),
                answering::HOLDS_MAX,
            ),
            queue("questions given up", self.unanswered.len(), 0),
            queue("news", self.rumours.waiting(), 0),
            queue("effects", self.effects.len(), 0),
        ]
    }
}
