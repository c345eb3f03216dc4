//! What all tasks of an endpoint share.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::TryRng;
use shoal_membership::{ClusterId, NodeId, SecretKey};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{packets::PacketQueue, serve::StreamQueue};
use crate::{
    complaints::{Complaints, Ends},
    hello::Hello,
    incoming::{Event, Incoming},
    peers::{Link, Peers, canonical},
    places::Places,
    refusal::Refusal,
    stats::Counters,
    tls::{self, Identity, TlsError},
};

/// Who this node is.
pub(crate) struct Oneself {
    pub(crate) secret: SecretKey,
    pub(crate) id: NodeId,
    pub(crate) tls: Identity,
    pub(crate) run: u64,
    pub(crate) incarnation: u64,
}

/// What stays as it was configured.
pub(crate) struct Settings {
    pub(crate) handshake_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) data_streams: u32,
    pub(crate) transport: Arc<quinn::TransportConfig>,
}

/// The shared heart of an endpoint. No lock in it is held across an await.
pub(crate) struct Inner {
    pub(crate) quic: quinn::Endpoint,
    pub(crate) identity: Oneself,
    pub(crate) settings: Settings,
    pub(crate) peers: Mutex<Peers>,
    pub(crate) events: mpsc::Sender<Event>,
    /// Packets of users' traffic.
    pub(crate) packets: PacketQueue,
    pub(crate) streams: StreamQueue,
    /// Room for bodies that wait for the agent, in KiB.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) joins: Arc<Places>,
    pub(crate) counters: Counters,
    pub(crate) complaints: Complaints,
    pub(crate) announce: Notify,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) stopping: AtomicBool,
}

impl Inner {
    /// The peers. A panic elsewhere can't leave them half changed in a way that matters: every
    /// method puts them right before it could panic.
    pub(crate) fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn cluster(&self) -> ClusterId {
        self.peers().trust.cluster
    }

    pub(crate) fn hello(&self, epoch: u32) -> Hello {
        Hello {
            run: self.identity.run,
            incarnation: self.identity.incarnation,
            epoch,
        }
    }

    /// Runs a task until it ends or the endpoint is closed.
    pub(crate) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        // Boxed before it is moved: an async block that takes a future and polls it has room for
        // it twice, which for a connection that stays is 1.6 KiB.
        let task = Box::pin(task);
        self.tasks.spawn(async move {
            tokio::select! {
                () = task => {}
                () = stop.cancelled() => {}
            }
        });
    }

    /// Begins a handshake with whoever is at this address.
    pub(crate) fn dial_with(
        &self,
        alpn: Vec<Vec<u8>>,
        address: SocketAddr,
    ) -> Result<quinn::Connecting, String> {
        let tls = self
            .identity
            .tls
            .client(alpn)
            .map_err(|error: TlsError| error.to_string())?;
        let mut config = quinn::ClientConfig::new(Arc::new(tls));
        config.transport_config(self.settings.transport.clone());
        self.quic
            .connect_with(config, address, "shoal")
            .map_err(|error| error.to_string())
    }

    /// Tells the agent, when it has room.
    pub(crate) async fn deliver(&self, event: Incoming, room: Option<OwnedSemaphorePermit>) {
        // An agent that dropped its inbox wants to hear no more.
        let _ = self.events.send((event, room)).await;
    }

    /// Closes a connection with a reason, and says so in the log.
    pub(crate) fn refuse(&self, connection: &quinn::Connection, reason: Refusal) {
        reason.close(connection);
        self.counters.refused.one();
        self.complaints.refused(&self.ends(connection), reason);
    }

    /// Says in the log what the peer gave as its reason for closing, if it did. `node`: whose key
    /// it has shown, if it had come to that.
    pub(crate) fn heard_close(
        &self,
        peer: SocketAddr,
        node: Option<NodeId>,
        error: &quinn::ConnectionError,
    ) {
        if let Some(reason) = Refusal::given_by_peer(error) {
            if !reason.is_routine() {
                self.counters.refused_by_peers.one();
            }
            self.complaints
                .refused_by(&self.ends_with(peer, node), reason);
        }
    }

    /// The two ends of a connection, for the log.
    pub(crate) fn ends(&self, connection: &quinn::Connection) -> Ends {
        let node = tls::peer_key(connection).map(|key| key.node_id());
        self.ends_with(connection.remote_address(), node)
    }

    fn ends_with(&self, peer: SocketAddr, node: Option<NodeId>) -> Ends {
        Ends {
            peer: canonical(peer),
            node,
            here: self.local_address(),
        }
    }

    /// Tells the agent if a trusted member closed because this node's key is revoked.
    pub(crate) async fn heard_removal(&self, by: NodeId, error: &quinn::ConnectionError) {
        if Refusal::given_by_peer(error) == Some(Refusal::Revoked) {
            self.deliver(Incoming::Removed { by }, None).await;
        }
    }

    /// Where this node is, as far as it knows: what a report about a clone names.
    pub(crate) fn local_address(&self) -> SocketAddr {
        self.quic
            .local_addr()
            .map_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)), canonical)
    }

    /// A connection is gone: forget it, and count what it moved.
    pub(crate) fn ended(&self, link: &Arc<Link>) {
        self.peers().ended(link);
        let stats = link.connection.stats();
        self.counters.bytes_sent.add(stats.udp_tx.bytes);
        self.counters.bytes_received.add(stats.udp_rx.bytes);
        self.announce.notify_one();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Bits for jitter. If the system has no randomness, a middling delay does.
pub(crate) fn jitter() -> u64 {
    rand::rngs::SysRng.try_next_u64().unwrap_or(u64::MAX / 2)
}
