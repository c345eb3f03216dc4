//! Connections that have to be opened before anything goes over them, as `net` does it: a datagram without
//! one is dropped and begins a dial, a stream waits until it stands.
//!
//! Agents that have lived since the beginning are connected; whoever starts anew has no connection yet,
//! and is late by a handshake where it waits, or by its own patience where it does not.

use std::{collections::BTreeMap, time::Duration};

/// One way of a handshake is one of a packet; QUIC's handshake and the hellos on it are two round trips.
pub(crate) const HANDSHAKE_WAYS: u32 = 4;
/// The first life of an agent.
const FIRST_LIFE: u64 = 1;

/// A machine, and the life of its agent.
pub(crate) type Living = (usize, u64);

/// The connections of agents that started anew.
#[derive(Debug, Default)]
pub(crate) struct Dials {
    /// By the lower and the higher of two machines: their lives, and from when on the connection stands.
    dialled: BTreeMap<(usize, usize), ((u64, u64), Duration)>,
}

impl Dials {
    /// From when on a connection between these two stands, or has stood. If there is none, one of them
    /// dials now.
    pub(crate) fn stands_at(
        &mut self,
        one: Living,
        other: Living,
        handshake: Duration,
        now: Duration,
    ) -> Duration {
        let (low, high) = (one.min(other), one.max(other));
        let lives = (low.1, high.1);
        if lives == (FIRST_LIFE, FIRST_LIFE) {
            return Duration::ZERO;
        }
        let fresh = (lives, now + handshake);
        let known = self.dialled.entry((low.0, high.0)).or_insert(fresh);
        if known.0 != lives {
            *known = fresh;
        }
        known.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_starts_anew_dials_once_in_its_life() {
        let (mut dials, ms) = (Dials::default(), Duration::from_millis(1));
        let mut at = |one, other, now| dials.stands_at(one, other, 4 * ms, ms * now);
        assert_eq!(at((0, 1), (1, 1), 5), Duration::ZERO);
        assert_eq!(at((0, 1), (1, 3), 10), 14 * ms);
        assert_eq!(at((1, 3), (0, 1), 12), 14 * ms, "the same connection");
        assert_eq!(at((0, 1), (1, 3), 99), 14 * ms);
        assert_eq!(at((0, 1), (1, 5), 100), 104 * ms);
    }
}
