//! What all tasks of an endpoint share.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rand::TryRng;
use shoal_membership::{ClusterId, NodeId, SecretKey};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    complaints::Complaints,
    hello::Hello,
    incoming::{Event, Incoming},
    peers::{Link, Peers, canonical},
    refusal::Refusal,
    stats::Counters,
    tls::{Identity, TlsError},
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
    /// Room for bodies that wait for the agent, in KiB.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) joins: Semaphore,
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
        self.say(connection.remote_address(), reason, true);
    }

    /// Says in the log what the peer gave as its reason for closing, if it did.
    pub(crate) fn heard_close(&self, peer: SocketAddr, error: &quinn::ConnectionError) {
        if let Some(reason) = Refusal::given_by_peer(error) {
            if !reason.is_routine() {
                self.counters.refused_by_peers.one();
            }
            self.say(peer, reason, false);
        }
    }

    /// Tells the agent if a trusted member closed because this node's key is revoked.
    pub(crate) async fn heard_removal(&self, by: NodeId, error: &quinn::ConnectionError) {
        if Refusal::given_by_peer(error) == Some(Refusal::Revoked) {
            self.deliver(Incoming::Removed { by }, None).await;
        }
    }

    /// Logs a refusal, ours or theirs: once a minute for each reason and peer.
    fn say(&self, peer: SocketAddr, reason: Refusal, ours: bool) {
        let peer = canonical(peer);
        let here = self.local_address();
        let code = reason.code();
        if reason.is_routine() {
            tracing::debug!(%peer, %here, code, ours, "connection closed: {reason}");
        } else if !self.complaints.may_say(peer, reason, ours, Instant::now()) {
            tracing::trace!(%peer, %here, code, ours, "the same again: {reason}");
        } else if ours {
            tracing::warn!(%peer, %here, code, "refused a peer: {reason}");
        } else {
            tracing::warn!(%peer, %here, code, "refused by a peer, which says of this node: {reason}");
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
