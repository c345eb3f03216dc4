//! What an endpoint tells its agent, through one bounded queue.
//!
//! When the agent is slow, datagrams are dropped and counted, and streams wait. Bodies that wait
//! here take at most 32 MiB together.

use std::net::SocketAddr;

use bytes::Bytes;
use shoal_membership::NodeId;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::{
    join::{JoinRequest, VouchRequest},
    stream::{RecvStream, SendStream, StreamHeader},
};

/// Something that happened on the network.
#[derive(Debug)]
pub enum Incoming {
    /// A SWIM packet.
    Datagram {
        /// Whose key sent it.
        from: NodeId,
        /// At most [`crate::MAX_DATAGRAM`] bytes, or what a longer path allows; never empty.
        bytes: Bytes,
    },
    /// News that needs no answer.
    Rumour {
        /// Whose key sent it.
        from: NodeId,
        /// At most 4 MiB.
        bytes: Bytes,
    },
    /// A question.
    Request {
        /// Whose key asks.
        from: NodeId,
        /// At most 4 MiB.
        bytes: Bytes,
        /// Takes the answer.
        reply: Reply,
    },
    /// Somebody with a token, perhaps, wants to become a member.
    Join(JoinRequest),
    /// A node whose key is unknown here shows how it became a member.
    Vouch(VouchRequest),
    /// A member whose key is trusted here does not know this node's key. Told at each dial that ends
    /// so; see [`Endpoint::vouch`](crate::Endpoint::vouch).
    Unknown {
        /// Who says so.
        by: NodeId,
    },
    /// There is a control connection with this peer now, where there was none.
    Connected {
        /// The peer.
        from: NodeId,
        /// The address at which it is seen.
        addr: SocketAddr,
    },
    /// There is no control connection with this peer any more.
    Disconnected {
        /// The peer.
        from: NodeId,
    },
    /// A member whose key is trusted here refuses this node: its key was revoked.
    Removed {
        /// Who says so.
        by: NodeId,
    },
    /// Two machines run with the same key: a copied disk. The second was refused. If `id` is this
    /// node's own, then this node is one of the two.
    Clone {
        /// The node that runs twice.
        id: NodeId,
        /// Where the first is (this node itself, if the id is its own).
        ours: SocketAddr,
        /// Where the other is.
        theirs: SocketAddr,
        /// Whether it is this node that was refused: it came second.
        is_refused: bool,
    },
}

/// Takes the answer to a request. Dropping it resets the stream: the asker gets an error.
#[derive(Debug)]
pub struct Reply(pub(crate) oneshot::Sender<Bytes>);

impl Reply {
    /// Sends the answer, without waiting for it to arrive. At most 8 MiB: more resets the stream.
    pub fn send(self, bytes: Bytes) {
        // The asker may be gone: then nobody needs the answer.
        let _ = self.0.send(bytes);
    }
}

pub(crate) type Event = (Incoming, Option<OwnedSemaphorePermit>);

/// A packet of users' traffic, whose key sent it, and its share of what may wait.
pub(crate) type Packet = (NodeId, Bytes, Option<OwnedSemaphorePermit>);

/// The packets of users' traffic that come in, in a bounded queue of their own: what comes faster than it is
/// taken is dropped and counted, as on any network.
#[derive(Debug)]
pub struct Packets(pub(crate) mpsc::Receiver<Packet>);

impl Packets {
    /// The next packet of at most [`crate::MAX_PACKET`] bytes, and whose key sent it; none once the endpoint is
    /// closed.
    ///
    /// Cancel safe: no packet is lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<(NodeId, Bytes)> {
        self.0
            .recv()
            .await
            .map(|(from, bytes, _room)| (from, bytes))
    }
}

/// A stream of users' traffic or of logs.
#[derive(Debug)]
pub struct IncomingStream {
    /// Whose key opened it.
    pub from: NodeId,
    /// What it is for.
    pub header: StreamHeader,
    /// Towards the peer.
    pub send: SendStream,
    /// From the peer.
    pub recv: RecvStream,
}

/// The streams that come in, in a queue of their own, so that they never stand before what the members tell one
/// another. Beyond its length they wait, and each peer may have so many only.
#[derive(Debug)]
pub struct Streams(pub(crate) mpsc::Receiver<IncomingStream>);

impl Streams {
    /// The next one; none once the endpoint is closed.
    ///
    /// Cancel safe: no stream is lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<IncomingStream> {
        self.0.recv().await
    }
}

/// The agent's end of the queue.
#[derive(Debug)]
pub struct Inbox(pub(crate) mpsc::Receiver<Event>);

impl Inbox {
    /// The next event; none once the endpoint is closed and its last clone is dropped.
    ///
    /// Cancel safe: no event is lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<Incoming> {
        self.0.recv().await.map(|(event, _room)| event)
    }
}
