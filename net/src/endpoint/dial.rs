//! Outgoing connections: on demand, in the background, with backoff, to all addresses of a peer.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use shoal_membership::NodeId;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Inner, accept, inner::jitter, serve};
use crate::{
    alpn::{self, Class, Purpose},
    hello::{self, Hello, NoHello},
    incoming::Incoming,
    peers::{Link, canonical},
    refusal::Refusal,
};

/// The next address is tried when the one before has not answered for this long (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);

/// The connection that won over ours is at most a round trip behind.
const WINNER_TIMEOUT: Duration = Duration::from_secs(1);

/// Why there is no connection with a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unconnected {
    /// The peer is not trusted, or too many peers are known.
    #[error("the peer is not let in: {0}")]
    Untrusted(Refusal),
    /// No address of it is known.
    #[error("no address of the peer is known")]
    NoAddress,
    /// It did not answer, or refused.
    #[error("the peer can't be reached: {0}")]
    Unreachable(String),
    /// The endpoint is closed.
    #[error("this node's endpoint is closed")]
    Closed,
}

/// How much a connection is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Something would like to be sent.
    Background,
    /// Somebody waits.
    Urgent,
    /// The connection that stands is doubted.
    Anew,
}

/// Starts a dial if one is wanted and none is under way. True if one is under way afterwards.
pub(super) fn want(
    inner: &Arc<Inner>,
    to: NodeId,
    class: Class,
    wish: Wish,
) -> Result<bool, Unconnected> {
    if inner.is_stopping() {
        return Err(Unconnected::Closed);
    }
    let mut peers = inner.peers();
    let cluster = peers.trust.cluster;
    if to == inner.identity.id {
        return Err(Unconnected::Untrusted(Refusal::Oneself));
    }
    let peer = peers.trusted(to).map_err(Unconnected::Untrusted)?;
    let addresses = peer.dial_addresses();
    let line = peer.line(class);
    if line.dialling {
        return Ok(true);
    }
    if addresses.is_empty() {
        return Err(Unconnected::NoAddress);
    }
    let now = Instant::now();
    let doubted_lately = wish == Wish::Anew && !line.backoff.is_rested(now);
    if doubted_lately || !line.backoff.allows(now, wish != Wish::Background) {
        return Ok(false);
    }
    line.backoff.attempt(now);
    line.dials();
    let epoch = line.epoch.saturating_add(1);
    drop(peers);
    let order = Order {
        to,
        class,
        epoch,
        alpn: alpn::offered(class, &cluster),
    };
    inner.spawn(run(inner.clone(), order, addresses));
    Ok(true)
}

/// A dial to be made.
struct Order {
    to: NodeId,
    class: Class,
    epoch: u32,
    alpn: Vec<Vec<u8>>,
}

async fn run(inner: Arc<Inner>, order: Order, addresses: Vec<SocketAddr>) {
    let result = match race(&inner, &order, addresses).await {
        Ok(connection) => introduce(&inner, &order, connection).await,
        Err(error) => Err(error),
    };
    settle(&inner, &order, result.as_ref().err());
    if let Ok(link) = result {
        // A task of its own: that of the dial is large, and this one stays.
        inner.spawn(serve::serve(inner.clone(), link));
    }
}

/// Notes how a dial ended, and wakes who waits for it.
fn settle(inner: &Inner, order: &Order, failure: Option<&String>) {
    let mut peers = inner.peers();
    let Some(peer) = peers.peers.get_mut(&order.to) else {
        return;
    };
    let line = peer.line(order.class);
    line.dialling = false;
    if failure.is_some() {
        line.dial_failed(Instant::now());
    }
    if let Some(failure) = failure
        && line.live.is_none()
    {
        inner.counters.dials_failed.one();
        line.backoff.failed(Instant::now(), jitter());
        line.last_failure = Some(failure.clone());
        tracing::debug!(peer = %order.to, %failure, "a dial failed");
    }
    line.changed.notify_waiters();
}

/// The first of the addresses that completes a handshake with the right key.
async fn race(
    inner: &Arc<Inner>,
    order: &Order,
    addresses: Vec<SocketAddr>,
) -> Result<quinn::Connection, String> {
    let mut attempts = JoinSet::new();
    let mut failures = Vec::new();
    let mut rest = addresses.into_iter();
    let mut next = rest.next();
    loop {
        if let Some(address) = next.take() {
            let (inner, alpn, to) = (inner.clone(), order.alpn.clone(), order.to);
            attempts.spawn(async move { attempt(&inner, alpn, to, address).await });
        }
        tokio::select! {
            done = attempts.join_next() => match done {
                Some(Ok(Ok(connection))) => return Ok(connection),
                Some(Ok(Err(failure))) => {
                    failures.push(failure);
                    next = rest.next();
                }
                Some(Err(_)) => next = rest.next(),
                None => return Err(failures.join("; ")),
            },
            () = sleep(STAGGER), if rest.len() > 0 => next = rest.next(),
        }
    }
}

async fn attempt(
    inner: &Arc<Inner>,
    alpn: Vec<Vec<u8>>,
    to: NodeId,
    address: SocketAddr,
) -> Result<quinn::Connection, String> {
    let because = |why: String| format!("{address}: {why}");
    let connecting = inner.dial_with(alpn, address).map_err(because)?;
    let connection = timeout(inner.settings.handshake_timeout, connecting)
        .await
        .map_err(|_| because("no answer".to_owned()))?
        .map_err(|error| {
            inner.heard_close(address, None, &error);
            because(error.to_string())
        })?;
    let examined = match accept::examine(inner, &connection) {
        Ok((Purpose::Join, _)) => Err(Refusal::AnotherMajor),
        // A copy of this node answers, or the node itself: the hello will tell.
        Ok((_, key)) if key.node_id() == inner.identity.id => Ok(()),
        Ok((_, key)) if key.node_id() != to => Err(Refusal::AnotherNode),
        Ok(_) => Ok(()),
        Err(reason) => Err(reason),
    };
    match examined {
        Ok(()) => Ok(connection),
        Err(reason) => {
            inner.refuse(&connection, reason);
            Err(because(reason.to_string()))
        }
    }
}

/// Exchanges hellos on a connection with the right peer, and keeps the connection or not.
async fn introduce(
    inner: &Arc<Inner>,
    order: &Order,
    connection: quinn::Connection,
) -> Result<Arc<Link>, String> {
    let address = canonical(connection.remote_address());
    let ours = inner.hello(order.epoch);
    let theirs = match hello::say(&connection, &ours, inner.settings.handshake_timeout).await {
        Ok(hello) if hello.epoch == ours.epoch => hello,
        Err(NoHello::Lost(error)) => {
            refused(inner, order, &connection, &error).await;
            return Err(format!("{address}: {error}"));
        }
        _ => {
            inner.refuse(&connection, Refusal::BadHello);
            return Err(format!("{address}: {}", Refusal::BadHello));
        }
    };
    let link = new_link(inner, order, connection, theirs);
    if accept::enrol(inner, &link, true).await {
        Ok(link)
    } else {
        Err(format!("{address}: not kept"))
    }
}

fn new_link(
    inner: &Inner,
    order: &Order,
    connection: quinn::Connection,
    hello: Hello,
) -> Arc<Link> {
    Arc::new(Link {
        connection,
        peer: order.to,
        class: order.class,
        hello,
        dialled_by_smaller: inner.identity.id < order.to,
        lease: Arc::new(()),
        retired: false.into(),
        doubted: false.into(),
        retiring: tokio::sync::Notify::new(),
    })
}

/// The peer closed instead of answering. If it takes us for a clone, the agent has to know.
async fn refused(
    inner: &Inner,
    order: &Order,
    connection: &quinn::Connection,
    error: &quinn::ConnectionError,
) {
    let ends = inner.ends(connection);
    inner.heard_close(ends.peer, ends.node, error);
    inner.heard_removal(order.to, error).await;
    let quinn::ConnectionError::ApplicationClosed(close) = error else {
        return;
    };
    match Refusal::given_by_peer(error) {
        Some(Refusal::Duplicate) => return await_winner(inner, order).await,
        Some(Refusal::Clone) => {}
        Some(Refusal::UnknownKey) => {
            return inner
                .deliver(Incoming::Unknown { by: order.to }, None)
                .await;
        }
        _ => return,
    }
    let theirs = String::from_utf8_lossy(&close.reason)
        .rsplit(' ')
        .next()
        .and_then(|address| address.parse().ok())
        .unwrap_or_else(|| canonical(connection.remote_address()));
    let clone = Incoming::Clone {
        id: inner.identity.id,
        ours: inner.local_address(),
        theirs,
        is_refused: true,
    };
    inner.deliver(clone, None).await;
}

/// The peer keeps another connection, which it dialled: that one is about to stand here too, so
/// whoever waits for this dial need not hear of a failure.
async fn await_winner(inner: &Inner, order: &Order) {
    let changed = {
        let mut peers = inner.peers();
        let Some(peer) = peers.peers.get_mut(&order.to) else {
            return;
        };
        let line = peer.line(order.class);
        if line.live.is_some() {
            return;
        }
        line.changed.clone().notified_owned()
    };
    // If it does not come, the dial has failed after all.
    let _ = timeout(WINNER_TIMEOUT, changed).await;
}

/// The connection with a peer, dialled if there is none.
pub(super) async fn connected(
    inner: &Arc<Inner>,
    to: NodeId,
    class: Class,
    wish: Wish,
) -> Result<Arc<Link>, Unconnected> {
    let mut waited = false;
    loop {
        let (changed, failure) = {
            let mut peers = inner.peers();
            let peer = peers.trusted(to).map_err(Unconnected::Untrusted)?;
            if let Some(link) = peer.live(class)
                && link.connection.close_reason().is_none()
            {
                return Ok(link.clone());
            }
            let line = peer.line(class);
            // Made before the lock is given back, so no change after it is missed.
            let changed = line.changed.clone().notified_owned();
            (changed, (!line.dialling).then(|| line.last_failure.clone()))
        };
        if waited && let Some(failure) = failure {
            return Err(Unconnected::Unreachable(failure.unwrap_or_default()));
        }
        if !want(inner, to, class, wish)? {
            let failure = failure.flatten().unwrap_or_default();
            return Err(Unconnected::Unreachable(format!(
                "{failure} (waiting to try again)"
            )));
        }
        changed.await;
        waited = true;
    }
}
