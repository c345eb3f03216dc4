//! The parameters of an endpoint, and the limits that are part of the protocol.

use std::{net::SocketAddr, time::Duration};

use shoal_membership::SecretKey;

use crate::trust::TrustSet;

/// The largest datagram that fits a fresh path (QUIC's 1,200 bytes less its own 38).
pub const MAX_DATAGRAM: usize = 1_162;
/// The largest rumour: 4 MiB.
pub const MAX_RUMOUR: usize = 4 << 20;
/// The largest request: 4 MiB.
pub const MAX_REQUEST: usize = 4 << 20;
/// The largest reply to a request: 8 MiB.
pub const MAX_REPLY: usize = 8 << 20;
/// The largest header of a stream: 64 KiB.
pub const MAX_STREAM_HEADER: usize = 64 << 10;
/// The largest hello of a joiner: 64 KiB.
pub const MAX_JOIN_HELLO: usize = 64 << 10;
/// The largest snapshot that a joiner is given: 8 MiB.
pub const MAX_SNAPSHOT: usize = 8 << 20;
/// So many addresses of one peer are kept.
pub const MAX_ADDRESSES: usize = 8;

/// Rumours that wait for one peer; the oldest is dropped for the newest.
pub(crate) const RUMOURS_QUEUED: usize = 256;
/// And their bytes.
pub(crate) const RUMOUR_BYTES_QUEUED: usize = 8 << 20;
/// Bodies that were read and wait for the agent, in KiB: 32 MiB.
pub(crate) const INBOX_KIB: u32 = 32 << 10;
/// Below this, a body is read without asking for room first.
pub(crate) const SMALL_BODY: usize = 16 << 10;
/// Incoming connections that are not yet known to be of members, at once.
pub(crate) const HANDSHAKES_AT_ONCE: usize = 64;
/// Of those, so many from one source: see `places.rs`.
pub(crate) const HANDSHAKES_OF_ONE_SOURCE: usize = 16;
/// Joiners at once.
pub(crate) const JOINS_AT_ONCE: usize = 8;
/// Of those, so many from one source. Machines that join through one router are one source.
pub(crate) const JOINS_OF_ONE_SOURCE: usize = 6;
/// Requests that a peer may have open towards us on a control connection.
pub(crate) const REQUEST_STREAMS: u32 = 16;
/// Rumours that a peer may have on their way to us: they are read one after another. QUIC makes
/// room for all streams of both kinds at once, in a table that doubles beyond 28.
pub(crate) const RUMOUR_STREAMS: u32 = 8;
/// Bytes that the kernel may hold for the socket, each way: some 60 bursts of a peer.
pub(crate) const SOCKET_BUFFER: usize = 4 << 20;
/// The largest packet of users' traffic: what UDP can carry, and its envelope.
pub const MAX_PACKET: usize = 65_535 + 256;
/// Streams that wait for whoever takes them.
pub(crate) const STREAMS_QUEUED: usize = 256;
/// Packets of users' traffic that wait for whoever takes them; more are dropped.
pub(crate) const PACKETS_QUEUED: usize = 1_024;
/// And the bytes of those that are too large for a datagram, in KiB.
pub(crate) const PACKETS_KIB: u32 = 4 << 10;
/// Packets too large for a datagram that a peer may have on their way to us.
pub(crate) const PACKET_STREAMS: u32 = 64;
/// Replaced connections of one peer and class that are still being drained.
pub(crate) const RETIRED_AT_ONCE: usize = 4;
/// A body or a header has to arrive whole within this time.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// A replaced connection is closed when nothing used it for once to twice this long.
pub(crate) const RETIRED_LINGER: Duration = Duration::from_secs(5);
/// A joiner has to have read its answer within this time.
pub(crate) const JOIN_ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What an endpoint needs to know.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// This node's key.
    pub secret: SecretKey,
    /// The UDP address to listen on. `[::]:7900` serves IPv4 too, where the system allows it, and
    /// falls back to `0.0.0.0:7900` where there is no IPv6.
    pub listen: SocketAddr,
    /// Whom to let in, to begin with.
    pub trust: TrustSet,
    /// How often this node has started, persisted: of two runs of a key the larger is the newer.
    pub incarnation: u64,
    /// An unused connection shows that it lives this often. Shorter finds dead paths and holds NAT
    /// mappings better, and costs a packet each time. Below a third of `idle_timeout`.
    pub keep_alive: Duration,
    /// A connection from which nothing came for this long is gone; a data connection without
    /// streams is closed after it.
    pub idle_timeout: Duration,
    /// A dial, or an incoming handshake, is given up after this. Leave room for three round trips
    /// and one lost packet.
    pub handshake_timeout: Duration,
    /// Events that wait for the agent. Beyond it, datagrams are dropped and streams wait.
    pub inbox: usize,
    /// Streams that a peer may have open towards us on a data connection. Each slot costs some
    /// 100 bytes once the peer has such a connection.
    pub data_streams: u32,
}

impl EndpointConfig {
    /// The parameters for machines on one network.
    #[must_use]
    pub const fn lan(secret: SecretKey, listen: SocketAddr, trust: TrustSet) -> Self {
        Self {
            secret,
            listen,
            trust,
            incarnation: 0,
            keep_alive: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(45),
            handshake_timeout: Duration::from_secs(5),
            inbox: 1024,
            data_streams: 1024,
        }
    }

    /// The parameters for lossy and slow links.
    #[must_use]
    pub const fn edge(secret: SecretKey, listen: SocketAddr, trust: TrustSet) -> Self {
        let mut config = Self::lan(secret, listen, trust);
        config.idle_timeout = Duration::from_secs(90);
        config.handshake_timeout = Duration::from_secs(15);
        config
    }
}
