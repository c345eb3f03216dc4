//! One QUIC endpoint for both directions, on one UDP port.
//!
//! Two connections for each pair of nodes: one for control, one for users' traffic, dialled on
//! demand; behind a bulk stream SWIM would stay mute for seconds after a short hole. The pattern is
//! that of Corrosion (fly.io), less its locks: nothing here waits on behalf of a datagram.

mod accept;
mod admitter;
mod bind;
mod dial;
mod inner;
mod joiner;
mod packets;
mod send;
mod serve;
mod voucher;

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use quinn::VarInt;
use shoal_membership::{NodeId, PublicKey};
use tokio_util::sync::DropGuard;

use crate::{
    alpn::Class,
    config::EndpointConfig,
    incoming::{Inbox, Incoming, Packets, Streams},
    join::{JoinAnswer, JoinError},
    peers::Peer,
    refusal::Refusal,
    stats::Stats,
    stream::{RecvStream, SendStream, StreamHeader},
    tls::TlsError,
    token::JoinToken,
    trust::TrustSet,
};
use dial::Wish;

pub use bind::BindError;
pub use dial::Unconnected;
pub use send::{RequestError, StreamError};

pub(crate) use inner::Inner;

/// How long closing waits for the peers to hear of it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A node's door to all others. Clones share it; it closes when the last is dropped.
#[derive(Clone)]
pub struct Endpoint {
    inner: Arc<Inner>,
    _stop: Arc<DropGuard>,
}

impl Endpoint {
    /// Opens the UDP port and begins to accept. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the port is taken, or the system has no randomness.
    pub fn bind(config: EndpointConfig) -> Result<(Self, Inbox), BindError> {
        let (inner, inbox) = bind::bind(config)?;
        inner.tasks.spawn(accept::accept(inner.clone()));
        inner.spawn(announce(inner.clone()));
        let stop = Arc::new(inner.stop.clone().drop_guard());
        // When the last handle is dropped the port is given back.
        let closing = inner.clone();
        inner.tasks.spawn(async move {
            closing.stop.cancelled().await;
            close_quic(&closing);
        });
        let endpoint = Self { inner, _stop: stop };
        Ok((endpoint, inbox))
    }

    /// The UDP address that is listened on, with the port that was given if none was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.local_address()
    }

    /// The node whose key this endpoint shows.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.inner.identity.id
    }

    /// The random number by which peers tell this run from others of the same key.
    #[must_use]
    pub fn run(&self) -> u64 {
        self.inner.identity.run
    }

    /// Takes a new trust set. Connections with peers that are not trusted any more, and all of
    /// another cluster, are closed at once, with the reason.
    ///
    /// # Errors
    /// If TLS can't be set up for another cluster; then nothing has changed.
    pub fn set_trust(&self, trust: TrustSet) -> Result<(), TlsError> {
        let closing = {
            let mut peers = self.inner.peers();
            if peers.trust.cluster != trust.cluster {
                let config = bind::server(&self.inner, &trust.cluster)?;
                self.inner.quic.set_server_config(Some(config));
            }
            peers.set_trust(trust)
        };
        for (link, reason) in closing {
            self.inner.refuse(&link.connection, reason);
        }
        Ok(())
    }

    /// Says where a peer may be reached, best first; the first 8 are kept. New addresses are tried
    /// without waiting.
    pub fn set_addresses(&self, id: NodeId, addresses: Vec<SocketAddr>) {
        self.inner.peers().set_addresses(id, addresses);
    }

    /// The address at which a peer was last seen.
    #[must_use]
    pub fn last_seen(&self, id: NodeId) -> Option<SocketAddr> {
        self.inner.peers().peers.get(&id)?.last_seen
    }

    /// Whether there is a control connection with a peer.
    #[must_use]
    pub fn is_connected(&self, id: NodeId) -> bool {
        self.round_trip(id).is_some()
    }

    /// The round trip time to a connected peer, as QUIC estimates it.
    #[must_use]
    pub fn round_trip(&self, id: NodeId) -> Option<Duration> {
        let peers = self.inner.peers();
        let link = peers.peers.get(&id)?.live(Class::Control)?;
        Some(link.connection.rtt())
    }

    /// Whether a peer can't be reached from here: nothing comes by a control connection, if there is one, and
    /// the last dial failed. A peer that was never dialled is not out of reach.
    #[must_use]
    pub fn is_out_of_reach(&self, id: NodeId) -> bool {
        let peers = self.inner.peers();
        peers.peers.get(&id).is_some_and(Peer::is_out_of_reach)
    }

    /// All peers that can't be reached from here, dead ones among them.
    #[must_use]
    pub fn out_of_reach(&self) -> Vec<NodeId> {
        let peers = self.inner.peers();
        let out = peers
            .peers
            .iter()
            .filter(|(_, peer)| peer.is_out_of_reach());
        out.map(|(id, _)| *id).collect()
    }

    /// Sends a SWIM packet of 1 to [`crate::MAX_DATAGRAM`] bytes. Never waits: if there is no
    /// connection the packet is dropped and the peer is dialled in the background.
    pub fn send_datagram(&self, to: NodeId, bytes: Bytes) {
        send::datagram(&self.inner, to, bytes);
    }

    /// Sends news of at most 4 MiB that needs no answer. Never waits: of what waits for a peer
    /// (256 rumours, 8 MiB) the oldest is dropped, and all if the peer is out of reach.
    pub fn send_rumour(&self, to: NodeId, bytes: Bytes) {
        send::rumour(&self.inner, to, bytes);
    }

    /// Asks a peer, dialling it if need be, and waits for its answer of at most 8 MiB.
    ///
    /// # Errors
    /// If there is none in time. The peer may have heard the request nevertheless.
    pub async fn request(
        &self,
        to: NodeId,
        bytes: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, RequestError> {
        send::request(&self.inner, to, bytes, timeout).await
    }

    /// Opens a stream for users' traffic or logs, dialling the peer if need be.
    ///
    /// # Errors
    /// If the peer can't be reached within two handshake timeouts.
    pub async fn open_stream(
        &self,
        to: NodeId,
        header: StreamHeader,
    ) -> Result<(SendStream, RecvStream), StreamError> {
        send::open_stream(&self.inner, to, &header).await
    }

    /// Sees to it that packets of users' traffic can be sent to a peer, dialling it if need be.
    ///
    /// # Errors
    /// If the peer can't be reached within two handshake timeouts.
    pub async fn open_packets(&self, to: NodeId) -> Result<(), StreamError> {
        packets::open(&self.inner, to).await
    }

    /// Sends a packet of users' traffic: 1 to [`crate::MAX_PACKET`] bytes. Never waits. False: it was dropped,
    /// since there is no connection, or no room. It may be lost on its way, or overtaken, as any packet.
    pub fn send_packet(&self, to: NodeId, bytes: Bytes) -> bool {
        packets::send(&self.inner, to, bytes)
    }

    /// The packets of users' traffic that come in. None: somebody has them already.
    pub fn packets(&self) -> Option<Packets> {
        self.inner.packets.take()
    }

    /// The streams that come in. None: somebody has them already.
    pub fn streams(&self) -> Option<Streams> {
        self.inner.streams.take()
    }

    /// Dials a peer anew in the background, because the connection with it is in doubt. The old one
    /// is used until the new one stands, and streams on it go on. At most once a second.
    pub fn redial(&self, id: NodeId) {
        // Why it can't be dialled is of no use to a caller that doesn't wait.
        let _ = dial::want(&self.inner, id, Class::Control, Wish::Anew);
    }

    /// Says that a stream to a peer got no answer. If nobody is at the other end of the data connection any more,
    /// such as after an address has changed, the next stream is opened on a new one. Never waits.
    pub fn doubt_streams(&self, id: NodeId) {
        accept::doubt_data(&self.inner, id);
    }

    /// Asks the members that a token names to let this node in. `hello` is what the agents tell
    /// each other, at most 64 KiB. A member that the token doesn't name is asked only when none of
    /// the named ones let us in, and then `verify` decides whether its answer can be believed.
    ///
    /// # Errors
    /// If nobody lets us in; the error is that of the member whose word counts most.
    pub async fn join(
        &self,
        token: &JoinToken,
        hello: Vec<u8>,
        verify: impl Fn(&PublicKey, &JoinAnswer) -> bool,
    ) -> Result<JoinAnswer, JoinError> {
        joiner::join(&self.inner, token, hello, verify).await
    }

    /// Shows a peer that does not know this node's key how it was admitted: at most 64 KiB, in the
    /// agents' own words. If the peer takes it, it is dialled without waiting the next time.
    ///
    /// # Errors
    /// If the peer can't be reached, or what it is shown doesn't count there.
    pub async fn vouch(&self, to: NodeId, admissions: Vec<u8>) -> Result<(), JoinError> {
        voucher::vouch(&self.inner, to, admissions).await
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.inner.counters.read();
        for link in self.inner.peers().links() {
            let moved = link.connection.stats();
            stats.bytes_sent += moved.udp_tx.bytes;
            stats.bytes_received += moved.udp_rx.bytes;
            stats.connections += 1;
        }
        stats
    }

    /// Closes all connections, with the reason. Waits at most 2 s for the peers to hear of it. The
    /// port is free a moment after the last clone of this endpoint is dropped.
    pub async fn close(&self) {
        self.inner.stopping.store(true, Ordering::Relaxed);
        close_quic(&self.inner);
        // A peer that can't be told will find out by itself.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.inner.quic.wait_idle()).await;
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

fn close_quic(inner: &Inner) {
    let code = VarInt::from_u32(u32::from(Refusal::ShuttingDown.code()));
    let text = Refusal::ShuttingDown.to_string();
    inner.quic.close(code, text.as_bytes());
}

/// Tells the agent of peers that came and went. One task, so the order is that of the events; of
/// several changes in a row only the last is told.
async fn announce(inner: Arc<Inner>) {
    loop {
        inner.announce.notified().await;
        loop {
            let next = inner.peers().next_announcement();
            let Some((from, address)) = next else {
                break;
            };
            let event = match address {
                Some(addr) => Incoming::Connected { from, addr },
                None => Incoming::Disconnected { from },
            };
            inner.deliver(event, None).await;
        }
    }
}
