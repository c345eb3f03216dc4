//! What two nodes say to each other about a packet: a head, then the packet itself.
//!
//! A question says all that its answerer has to know, so a flow begins with its first packet, and goes on
//! with the next if the other node starts anew. An answer says only whose it is.

use bincode::{Decode, Encode};
use bytes::{Bytes, BytesMut};
use shoal_membership::{
    NodeId,
    codec::{decode, encode},
};

use super::super::wire::Ask;

/// First byte of such a packet.
const FLOW: u8 = 1;
/// The longest head, in bytes: two ids of 16, and what is small.
const HEAD_MAX: usize = 96;

/// A flow, as the client's node calls it: a random number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub(super) struct FlowId(pub(super) u64);

/// How a packet goes between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum Route {
    /// From its sender to who is meant.
    Direct,
    /// To a third node, which passes it on to this one.
    Onward(NodeId),
    /// From a third node, which has it from this one.
    From(NodeId),
}

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum Kind {
    /// A client's, for a task.
    Question(Ask),
    /// A task's, for a client.
    Answer,
    /// Nothing: the task can't be reached.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Head {
    pub(super) flow: FlowId,
    pub(super) route: Route,
    pub(super) kind: Kind,
}

impl Head {
    /// A whole packet.
    pub(super) fn before(&self, payload: &[u8]) -> Bytes {
        let head = encode(self);
        let mut packet = BytesMut::with_capacity(2 + head.len() + payload.len());
        // It is far shorter than a byte can say.
        let length = u8::try_from(head.len()).unwrap_or(u8::MAX);
        packet.extend_from_slice(&[FLOW, length]);
        packet.extend_from_slice(&head);
        packet.extend_from_slice(payload);
        packet.freeze()
    }

    /// The head of a packet, and the rest. None: it is no such packet.
    pub(super) fn of(packet: &Bytes) -> Option<(Self, Bytes)> {
        let [FLOW, length, rest @ ..] = packet.as_ref() else {
            return None;
        };
        let length = usize::from(*length);
        if length > HEAD_MAX {
            return None;
        }
        let head = decode(rest.get(..length)?).ok()?;
        Some((head, packet.slice(2 + length..)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::{collection::vec, prelude::*};
    use shoal_scheduler::task::{NetworkId, TaskId};

    use super::*;

    fn longest() -> Head {
        Head {
            flow: FlowId(u64::MAX),
            route: Route::Onward(NodeId::from_bytes([255; 16])),
            kind: Kind::Question(Ask {
                task: TaskId(u128::MAX),
                target: u16::MAX,
                network: Some(NetworkId(u128::MAX)),
                client: Some(Ipv4Addr::BROADCAST),
            }),
        }
    }

    #[test]
    fn a_packet_comes_back_as_it_was() {
        let answer = Head {
            flow: FlowId(3),
            route: Route::Direct,
            kind: Kind::Answer,
        };
        for (head, payload) in [(longest(), &b"question"[..]), (answer, b"")] {
            let packet = head.before(payload);
            assert!(packet.len() - payload.len() <= HEAD_MAX);
            let (read, rest) = Head::of(&packet).unwrap();
            assert_eq!((read, rest.as_ref()), (head, payload));
        }
    }

    #[test]
    fn a_packet_that_is_cut_short_is_none() {
        let packet = longest().before(b"");
        for length in 0..packet.len() {
            assert_eq!(Head::of(&packet.slice(..length)), None, "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn nonsense_is_read_or_left(bytes in vec(any::<u8>(), 0..200), is_flow in any::<bool>()) {
            let mut bytes = bytes;
            if is_flow && bytes.len() > 1 {
                (bytes[0], bytes[1]) = (FLOW, bytes[1] % 100);
            }
            Head::of(&bytes.into());
        }
    }
}
