//! Why a connection was closed: a number on the wire, a sentence in both logs.

use quinn::VarInt;

/// Why this node, or its peer, closed a connection.
///
/// The numbers are part of the protocol and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[repr(u8)]
pub enum Refusal {
    /// The two nodes belong to different clusters.
    #[error("it belongs to another cluster; check the address, or leave that cluster first")]
    AnotherCluster = 1,
    /// The two nodes speak protocols that don't understand each other.
    #[error("it speaks another major version of the protocol; upgrade the older node")]
    AnotherMajor = 2,
    /// The key was admitted once and is revoked.
    #[error("its key is revoked; the node was removed from the cluster and has to join anew")]
    Revoked = 3,
    /// The key was never admitted, as far as the refusing node knows.
    #[error("its key is unknown here; it has to join with a token, or the admission is on its way")]
    UnknownKey = 4,
    /// Another connection between the two nodes won, or replaced this one.
    #[error("another connection between the two nodes takes its place")]
    Duplicate = 5,
    /// A second live run of the same key: a copied disk.
    #[error("a second machine runs with the same key (a copied disk or card)")]
    Clone = 6,
    /// The node stops.
    #[error("the node is shutting down")]
    ShuttingDown = 7,
    /// The first bytes were not a hello, or came too late.
    #[error("its first message was malformed or late")]
    BadHello = 8,
    /// The address belongs to another node than the one that was dialled.
    #[error("another node than the expected one answers at this address")]
    AnotherNode = 9,
    /// Too many connections of this kind at once.
    #[error("too many connections at once; it may try again later")]
    Busy = 10,
    /// A node reached itself.
    #[error("the address is the node's own")]
    Oneself = 11,
    /// Nothing used the connection for a while.
    #[error("the connection was idle")]
    Idle = 12,
}

const ALL: [Refusal; 12] = [
    Refusal::AnotherCluster,
    Refusal::AnotherMajor,
    Refusal::Revoked,
    Refusal::UnknownKey,
    Refusal::Duplicate,
    Refusal::Clone,
    Refusal::ShuttingDown,
    Refusal::BadHello,
    Refusal::AnotherNode,
    Refusal::Busy,
    Refusal::Oneself,
    Refusal::Idle,
];

impl Refusal {
    /// The number that goes over the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The reason with this number, if this release knows it.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        ALL.into_iter()
            .find(|known| u64::from(known.code()) == code)
    }

    /// True for what happens in a healthy cluster and needs nobody's attention.
    #[must_use]
    pub const fn is_routine(self) -> bool {
        matches!(
            self,
            Self::Duplicate | Self::ShuttingDown | Self::Oneself | Self::Idle
        )
    }

    /// True for what the two ends find out alike, from the protocol names that they agreed on.
    pub(crate) const fn is_mutual(self) -> bool {
        matches!(self, Self::AnotherCluster | Self::AnotherMajor)
    }

    pub(crate) fn close(self, connection: &quinn::Connection) {
        self.close_saying(connection, &self.to_string());
    }

    pub(crate) fn close_saying(self, connection: &quinn::Connection, text: &str) {
        connection.close(VarInt::from_u32(u32::from(self.code())), text.as_bytes());
    }

    /// The reason that the peer gave for closing, if it gave one.
    pub(crate) fn given_by_peer(error: &quinn::ConnectionError) -> Option<Self> {
        match error {
            quinn::ConnectionError::ApplicationClosed(close) => {
                Self::from_code(close.error_code.into_inner())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_number() {
        for reason in ALL {
            assert_eq!(Refusal::from_code(reason.code().into()), Some(reason));
        }
        assert_eq!(Refusal::from_code(0), None);
        assert_eq!(Refusal::from_code(u64::MAX), None);
    }
}
