//! Counters for the metrics page. They only grow, but for the number of connections.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What an endpoint has done since it was bound.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
            /// Connections with members that stand now, of both classes.
            pub connections: u64,
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn read(&self) -> Stats {
                Stats { $($name: self.$name.get(),)* connections: 0 }
            }
        }
    };
}

counters! {
    /// Datagrams handed to a connection.
    datagrams_sent,
    /// Datagrams handed to the agent.
    datagrams_received,
    /// Datagrams not sent: no connection, too large, or no room.
    datagrams_not_sent,
    /// Datagrams that arrived while the agent's inbox was full.
    datagrams_not_received,
    /// Packets of users' traffic handed to a connection.
    packets_sent,
    /// Packets of users' traffic handed to whoever takes them.
    packets_received,
    /// Packets of users' traffic not sent: no connection, too large, or no room.
    packets_not_sent,
    /// Packets of users' traffic that arrived while too many waited.
    packets_not_received,
    /// Rumours delivered to a connection.
    rumours_sent,
    /// Rumours handed to the agent.
    rumours_received,
    /// Rumours not sent: too large, no room in the queue, or the peer is out of reach.
    rumours_not_sent,
    /// Requests answered with a reply, as the asker.
    requests_answered,
    /// Requests that failed, as the asker.
    requests_failed,
    /// Requests handed to the agent.
    requests_received,
    /// Bytes sent over UDP on members' connections.
    bytes_sent,
    /// Bytes received over UDP on members' connections.
    bytes_received,
    /// Connections with members that were made.
    connections_made,
    /// Dials that reached nobody.
    dials_failed,
    /// Connections that this node refused.
    refused,
    /// Connections that a peer refused.
    refused_by_peers,
    /// Incoming handshakes turned away because too many were under way.
    handshakes_turned_away,
}

/// One counter. Relaxed: nothing is decided by it.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
