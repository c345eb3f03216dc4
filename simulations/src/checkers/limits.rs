//! No datagram is larger than a fresh path takes, no message than its reader allows, and no queue of a
//! node longer than it may be.
//!
//! Why: a datagram that does not fit is dropped without a word, and a message that is too large is
//! refused whole; either would look like a loss that never ends. And a queue without an end is a
//! machine without memory, on the day on which everything is slow.

use shoal_membership::MAX_PACKET;
use shoal_scheduler::gossip::MESSAGE_BYTES_MAX;

use super::Checker;
use crate::World;

/// Bytes of our envelope around a SWIM packet: version and two roots.
const ENVELOPE: usize = 17;

/// The rule.
#[derive(Debug)]
pub(super) struct Limits;

impl Checker for Limits {
    fn name(&self) -> &'static str {
        "messages and queues stay within their limits"
    }

    fn after_event(&mut self, world: &World, machine: usize) -> Result<(), String> {
        if let Some(peer) = &world.machines[machine].peer
            && let Some(full) = peer.queues().iter().find(|one| one.length > one.limit)
        {
            return Err(format!("machine {}: {full:?}", machine + 1));
        }
        let traffic = &world.traffic;
        if traffic.datagram_bytes_max > MAX_PACKET + ENVELOPE {
            return Err(format!(
                "a datagram of {} bytes",
                traffic.datagram_bytes_max
            ));
        }
        match traffic.message_bytes_max {
            size if size > MESSAGE_BYTES_MAX => Err(format!("a message of {size} bytes")),
            _ => Ok(()),
        }
    }
}
