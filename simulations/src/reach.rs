//! Who can open a connection to whom: addresses that moved, and machines behind a NAT.
//!
//! A connection, once open, carries both ways for as long as both agents live and the path between
//! them is not cut for longer than its idle timeout; keep-alives see to that. To open one, the dialled
//! machine must be where the dialler believes it to be, and not be behind a NAT.

use std::{collections::BTreeMap, time::Duration};

/// A connection over a path that carries nothing for this long is gone (`net`'s idle timeout).
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);

/// The connections that are open.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Whether anything can stand in the way at all: while nothing can, nothing is kept.
    pub(crate) matters: bool,
    /// Whether old addresses lead to their machines, too.
    pub(crate) old_addresses_lead: bool,
    /// By the lower and the higher of two machines.
    connections: BTreeMap<(usize, usize), Connection>,
}

#[derive(Debug)]
struct Connection {
    lives: (u64, u64),
    carried_at: Duration,
}

/// Someone who wants to send: the machines and the lives of their agents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) from: (usize, u64),
    pub(crate) to: (usize, u64),
    /// No packet comes through now, one way or the other.
    pub(crate) is_cut: bool,
    /// The receiver can be dialled: it is where the sender believes, and behind no NAT.
    pub(crate) can_dial: bool,
}

impl Reach {
    /// Whether a packet gets a connection; it may still be lost on the way.
    pub(crate) fn permits(&mut self, way: Way, now: Duration) -> bool {
        if !self.matters {
            return true;
        }
        let ((low, low_life), (high, high_life)) = match way.from.0 < way.to.0 {
            true => (way.from, way.to),
            false => (way.to, way.from),
        };
        let lives = (low_life, high_life);
        let open = self.connections.get_mut(&(low, high));
        if let Some(open) = open.filter(|open| open.lives == lives) {
            if !way.is_cut {
                open.carried_at = now;
                return true;
            }
            if now < open.carried_at + IDLE_TIMEOUT {
                return true;
            }
        }
        if way.is_cut || !way.can_dial {
            self.connections.remove(&(low, high));
            return false;
        }
        let fresh = Connection {
            lives,
            carried_at: now,
        };
        self.connections.insert((low, high), fresh);
        true
    }

    /// A machine's address changed: its connections are gone.
    pub(crate) fn moved(&mut self, machine: usize) {
        self.connections
            .retain(|(low, high), _| *low != machine && *high != machine);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(from: usize, to: usize, can_dial: bool) -> Way {
        Way {
            from: (from, 1),
            to: (to, 1),
            is_cut: false,
            can_dial,
        }
    }

    #[test]
    fn behind_a_nat_one_is_reached_only_by_those_whom_one_dialled() {
        let mut reach = Reach {
            matters: true,
            ..Reach::default()
        };
        let second = Duration::from_secs(1);
        assert!(!reach.permits(way(0, 1, false), second), "1 is behind it");
        assert!(reach.permits(way(1, 0, true), second), "and dials");
        assert!(reach.permits(way(0, 1, false), second * 500));
        let reborn = Way {
            from: (0, 2),
            ..way(0, 1, false)
        };
        assert!(!reach.permits(reborn, second * 501));
    }

    #[test]
    fn a_connection_outlives_a_short_cut_and_no_long_one() {
        let mut reach = Reach {
            matters: true,
            ..Reach::default()
        };
        let second = Duration::from_secs(1);
        assert!(reach.permits(way(1, 0, true), second));
        let cut = Way {
            is_cut: true,
            ..way(0, 1, false)
        };
        assert!(reach.permits(cut, second * 30));
        assert!(reach.permits(way(0, 1, false), second * 31));
        assert!(reach.permits(cut, second * 70));
        assert!(!reach.permits(cut, second * 80));
        assert!(!reach.permits(way(0, 1, false), second * 81));
        assert!(reach.permits(way(1, 0, true), second * 82));
        reach.moved(0);
        assert!(!reach.permits(way(0, 1, false), second * 83));
    }
}
