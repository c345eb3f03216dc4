//! Opens the UDP socket and puts an endpoint together.

use std::{
    io::{self, ErrorKind},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
};

use nix::sys::socket::{setsockopt, sockopt};
use rand::TryRng;
use shoal_membership::ClusterId;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Inner,
    inner::{Oneself, Settings},
    packets::PacketQueue,
    serve::StreamQueue,
};
use crate::{
    alpn,
    config::{
        EndpointConfig, HANDSHAKES_AT_ONCE, INBOX_KIB, JOINS_AT_ONCE, JOINS_OF_ONE_SOURCE,
        SOCKET_BUFFER,
    },
    incoming::Inbox,
    mtu::datagram_max,
    peers::Peers,
    places::Places,
    tls::{Identity, TlsError},
    transport::{self, ResetKey},
};

/// Why an endpoint could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The port is taken, the address is not this machine's, or the like.
    #[error("can't listen on UDP {address}: {error}")]
    Socket {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// No runtime, or the socket can't be used.
    #[error("can't open the QUIC endpoint: {0}")]
    Quic(io::Error),
    /// TLS can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system gave no random number.
    #[error("the system has no randomness: {0}")]
    Random(String),
}

/// What is received in any case, in bytes: all that an Ethernet carries.
const UDP_PAYLOAD_MIN: u16 = 1_472;

pub(super) fn bind(config: EndpointConfig) -> Result<(Arc<Inner>, Inbox), BindError> {
    let tls = Identity::new(&config.secret)?;
    let transport = transport::transport(&config);
    let server = server_config(&tls, &config.trust.cluster, &transport)?;
    let (events, inbox) = mpsc::channel(config.inbox.max(1));
    let run = rand::rngs::SysRng
        .try_next_u64()
        .map_err(|error| BindError::Random(error.to_string()))?;
    let inner = Arc::new(Inner {
        quic: open(&config, server)?,
        identity: Oneself {
            id: config.secret.node_id(),
            secret: config.secret,
            tls,
            run,
            incarnation: config.incarnation,
        },
        settings: Settings {
            handshake_timeout: config.handshake_timeout,
            idle_timeout: config.idle_timeout,
            data_streams: config.data_streams,
            transport,
        },
        peers: Mutex::new(Peers::new(config.trust)),
        events,
        packets: PacketQueue::new(),
        streams: StreamQueue::new(),
        room: Arc::new(Semaphore::new(INBOX_KIB as usize)),
        joins: Places::new(JOINS_AT_ONCE, JOINS_OF_ONE_SOURCE),
        counters: Default::default(),
        complaints: Default::default(),
        announce: Notify::new(),
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
        stopping: false.into(),
    });
    Ok((inner, Inbox(inbox)))
}

fn open(
    config: &EndpointConfig,
    server: quinn::ServerConfig,
) -> Result<quinn::Endpoint, BindError> {
    let runtime = quinn::default_runtime()
        .ok_or_else(|| BindError::Quic(io::Error::other("no tokio runtime")))?;
    let socket = listen(config.listen).map_err(|error| BindError::Socket {
        address: config.listen,
        error,
    })?;
    let reset_key = Arc::new(ResetKey::of(&config.secret));
    let mut quic = quinn::EndpointConfig::new(reset_key);
    let most = datagram_max(config.listen.ip()).max(UDP_PAYLOAD_MIN);
    // It is within QUIC's range.
    let _ = quic.max_udp_payload_size(most);
    quinn::Endpoint::new(quic, Some(server), socket, runtime).map_err(BindError::Quic)
}

/// A UDP socket that holds what comes while this process is busy.
fn listen(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = bind_any(address)?;
    // Only root gets more than the system's limit; who gets less loses packets, which are sent again.
    if setsockopt(&socket, sockopt::RcvBufForce, &SOCKET_BUFFER).is_err() {
        let _ = setsockopt(&socket, sockopt::RcvBuf, &SOCKET_BUFFER);
    }
    if setsockopt(&socket, sockopt::SndBufForce, &SOCKET_BUFFER).is_err() {
        let _ = setsockopt(&socket, sockopt::SndBuf, &SOCKET_BUFFER);
    }
    Ok(socket)
}

/// Where there is no IPv6, one for IPv4 instead of one for everything.
fn bind_any(address: SocketAddr) -> io::Result<UdpSocket> {
    match UdpSocket::bind(address) {
        Err(error)
            if address.ip().is_unspecified()
                && address.is_ipv6()
                && error.kind() != ErrorKind::AddrInUse =>
        {
            UdpSocket::bind((Ipv4Addr::UNSPECIFIED, address.port()))
        }
        bound => bound,
    }
}

/// What this endpoint accepts as a member of this cluster.
pub(super) fn server(inner: &Inner, cluster: &ClusterId) -> Result<quinn::ServerConfig, TlsError> {
    server_config(&inner.identity.tls, cluster, &inner.settings.transport)
}

fn server_config(
    tls: &Identity,
    cluster: &ClusterId,
    transport: &Arc<quinn::TransportConfig>,
) -> Result<quinn::ServerConfig, TlsError> {
    let tls = tls.server(alpn::accepted(cluster))?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    config
        .transport_config(transport.clone())
        .max_incoming(2 * HANDSHAKES_AT_ONCE)
        .incoming_buffer_size(16 << 10)
        .incoming_buffer_size_total(1 << 20);
    Ok(config)
}
