//! Incoming connections: how many at once, and whether they may stay.
//!
//! Nothing that a stranger sends is read. The protocol name and the key are checked first; only a
//! member's hello is read after that, or a joiner's ask on the protocol that has nothing else.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use shoal_membership::{NodeId, PublicKey};
use tokio::time::{sleep, timeout};

use super::{Inner, admitter, serve};
use crate::{
    alpn::{self, Class, Purpose},
    config::{HANDSHAKES_AT_ONCE, HANDSHAKES_OF_ONE_SOURCE},
    hello::{self, Hello, NoHello},
    incoming::Incoming,
    peers::{Link, Verdict, canonical},
    places::{Place, Places},
    refusal::Refusal,
    tls, transport,
};

/// A run that lives shows it in so many of [`ROUNDS`] rounds: one packet may have been on its way.
const SIGNS_OF_LIFE: u32 = 2;
const ROUNDS: u32 = 6;

/// Accepts connections until the endpoint is closed.
pub(super) async fn accept(inner: Arc<Inner>) {
    let places = Places::new(HANDSHAKES_AT_ONCE, HANDSHAKES_OF_ONE_SOURCE);
    while let Some(incoming) = inner.quic.accept().await {
        let from = incoming.remote_address().ip();
        if places.are_scarce_for(from)
            && incoming.may_retry()
            && !incoming.remote_address_validated()
        {
            // It is to show that it can receive at its address before it costs us more.
            if incoming.retry().is_err() {
                inner.counters.handshakes_turned_away.one();
            }
            continue;
        }
        let Some(place) = places.take(from) else {
            inner.counters.handshakes_turned_away.one();
            incoming.refuse();
            continue;
        };
        inner.spawn(receive(inner.clone(), incoming, place));
    }
}

async fn receive(inner: Arc<Inner>, incoming: quinn::Incoming, place: Place) {
    let peer = incoming.remote_address();
    let handshake = timeout(inner.settings.handshake_timeout, incoming.into_future());
    let connection = match handshake.await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => {
            inner.heard_close(peer, None, &error);
            return tracing::debug!(%peer, %error, "an incoming handshake failed");
        }
        Err(_) => return tracing::debug!(%peer, "an incoming handshake took too long"),
    };
    match examine(&inner, &connection) {
        Err(reason) => inner.refuse(&connection, reason),
        Ok((Purpose::Join, key)) => {
            drop(place);
            admitter::serve(&inner, &connection, key).await;
        }
        Ok((Purpose::Member(class), key)) => {
            if let Some(link) = welcome(&inner, &connection, class, key).await {
                // A task of its own: that of the handshake is large, and this one stays.
                inner.spawn(serve::serve(inner.clone(), link));
            }
        }
    }
}

/// What the connection is for and whose it is, if both may be. Reads nothing.
pub(super) fn examine(
    inner: &Inner,
    connection: &quinn::Connection,
) -> Result<(Purpose, PublicKey), Refusal> {
    let key = tls::peer_key(connection).ok_or(Refusal::UnknownKey)?;
    let peers = inner.peers();
    let purpose = alpn::purpose(
        tls::agreed_alpn(connection).as_deref(),
        &peers.trust.cluster,
    )?;
    if purpose != Purpose::Join && key.node_id() != inner.identity.id {
        peers.trust.judge(&key)?;
    }
    Ok((purpose, key))
}

/// Hears the hello of a trusted peer, and keeps the connection or not.
async fn welcome(
    inner: &Arc<Inner>,
    connection: &quinn::Connection,
    class: Class,
    key: PublicKey,
) -> Option<Arc<Link>> {
    let (hello, answer) = match hello::hear(connection, inner.settings.handshake_timeout).await {
        Ok(heard) => heard,
        Err(NoHello::Lost(error)) => {
            inner.heard_close(connection.remote_address(), Some(key.node_id()), &error);
            return None;
        }
        Err(NoHello::Bad) => {
            inner.refuse(connection, Refusal::BadHello);
            return None;
        }
    };
    if key.node_id() == inner.identity.id {
        met_oneself(inner, connection, &hello).await;
        return None;
    }
    let link = Arc::new(Link {
        connection: connection.clone(),
        peer: key.node_id(),
        class,
        hello,
        dialled_by_smaller: key.node_id() < inner.identity.id,
        lease: Arc::new(()),
        retired: false.into(),
        doubted: false.into(),
        retiring: tokio::sync::Notify::new(),
    });
    if !enrol(inner, &link, false).await {
        return None;
    }
    // If this fails, the connection is gone, which whoever serves it will notice.
    let _ = hello::answer(answer, &inner.hello(hello.epoch)).await;
    Some(link)
}

/// Somebody with this node's own key: the node itself, or a copy of its disk.
async fn met_oneself(inner: &Inner, connection: &quinn::Connection, hello: &Hello) {
    if hello.run == inner.identity.run {
        return inner.refuse(connection, Refusal::Oneself);
    }
    refuse_clone(inner, connection, inner.local_address()).await;
}

/// Refuses a second live run of a key, naming both addresses to everybody.
async fn refuse_clone(inner: &Inner, connection: &quinn::Connection, ours: SocketAddr) {
    let theirs = canonical(connection.remote_address());
    let id = tls::peer_key(connection).map_or(inner.identity.id, |key| key.node_id());
    tracing::warn!(node = %id, first = %ours, second = %theirs, "{}", Refusal::Clone);
    inner.counters.refused.one();
    Refusal::Clone.close_saying(connection, &format!("{}: {ours}", Refusal::Clone));
    inner
        .deliver(
            Incoming::Clone {
                id,
                ours,
                theirs,
                is_refused: false,
            },
            None,
        )
        .await;
}

/// Decides about a connection with a trusted peer; installs it, or closes it with the reason.
/// `answered`: the peer has kept it.
pub(super) async fn enrol(inner: &Arc<Inner>, link: &Arc<Link>, answered: bool) -> bool {
    let mut dead = None;
    // Each round ends one run of the peer at most; more than a few runs at once is a clone farm.
    for _ in 0..3 {
        let verdict = inner.peers().enrol(link, answered, dead);
        match verdict {
            Verdict::Kept => {
                transport::admit(&link.connection, link.class, inner.settings.data_streams);
                inner.counters.connections_made.one();
                inner.announce.notify_one();
                if link.class == Class::Control {
                    // The way of the old one may be gone, and the data connection goes the same.
                    doubt_data(inner, link.peer);
                }
                return true;
            }
            Verdict::Refused(reason) => {
                inner.refuse(&link.connection, reason);
                return false;
            }
            Verdict::AskIfAlive(old) if is_alive(&old.connection).await => {
                refuse_clone(inner, &link.connection, old.address()).await;
                return false;
            }
            Verdict::AskIfAlive(old) => dead = Some(old.hello.run),
        }
    }
    inner.refuse(&link.connection, Refusal::Busy);
    false
}

/// Asks by the data connection with a peer whether anybody is there, once at a time. If nobody answers, it is used
/// no more; what runs on it may still come to its end.
pub(super) fn doubt_data(inner: &Arc<Inner>, peer: NodeId) {
    let Some(data) = inner.peers().standing(peer, Class::Data) else {
        return;
    };
    if data.doubted.swap(true, Ordering::Relaxed) {
        return;
    }
    let asking = inner.clone();
    inner.spawn(async move {
        if !is_alive(&data.connection).await {
            tracing::debug!(%peer, "a data connection does not answer and is used no more");
            asking.peers().give_up(&data);
        }
        data.doubted.store(false, Ordering::Relaxed);
    });
}

/// Whether the other end of a connection still answers: sends empty datagrams, which peers ignore
/// and QUIC acknowledges.
async fn is_alive(connection: &quinn::Connection) -> bool {
    let step = (connection.rtt() * 2).clamp(Duration::from_millis(50), Duration::from_millis(500));
    let mut heard = connection.stats().udp_rx.datagrams;
    let mut signs = 0;
    for _ in 0..ROUNDS {
        if connection.send_datagram(bytes::Bytes::new()).is_err() {
            return false;
        }
        sleep(step).await;
        let now = connection.stats().udp_rx.datagrams;
        signs += u32::from(now > heard);
        heard = now;
        if signs >= SIGNS_OF_LIFE {
            return connection.close_reason().is_none();
        }
    }
    false
}
