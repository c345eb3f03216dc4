//! What an agent sends to one peer: datagrams, rumours, requests, streams.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use shoal_membership::NodeId;
use tokio::time::timeout;

use super::{
    Inner,
    dial::{Unconnected, Wish, connected, want},
};
use crate::{
    alpn::Class,
    config::{BODY_TIMEOUT, MAX_DATAGRAM, MAX_REPLY, MAX_REQUEST, MAX_RUMOUR, MAX_STREAM_HEADER},
    stream::{self, RecvStream, SendStream, StreamHeader},
};

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There is no connection.
    #[error(transparent)]
    Unconnected(#[from] Unconnected),
    /// More than 4 MiB are to be sent.
    #[error("the request of {0} bytes is too large; at most 4 MiB are allowed")]
    TooLarge(usize),
    /// No answer in time.
    #[error("the peer did not answer within {0:?}")]
    TimedOut(Duration),
    /// The peer's agent would not answer, or its answer was too large.
    #[error("the peer would not answer")]
    Declined,
    /// The connection was lost. The peer may have heard the request.
    #[error("the connection was lost: {0}")]
    Lost(String),
}

/// Why a stream could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// There is no connection.
    #[error(transparent)]
    Unconnected(#[from] Unconnected),
    /// More than 64 KiB of header.
    #[error("the header of {0} bytes is too large; at most 64 KiB are allowed")]
    TooLarge(usize),
    /// The peer has too many streams open, or a dial took too long.
    #[error("no stream could be opened within {0:?}")]
    TimedOut(Duration),
    /// The connection was lost.
    #[error("the connection was lost: {0}")]
    Lost(String),
}

/// Sends a packet if there is a connection; else dials in the background and drops it.
pub(super) fn datagram(inner: &Arc<Inner>, to: NodeId, bytes: Bytes) {
    let length = bytes.len();
    if length == 0 || length > MAX_DATAGRAM {
        return inner.counters.datagrams_not_sent.one();
    }
    let live = {
        let mut peers = inner.peers();
        let peer = peers.trusted(to).ok();
        peer.and_then(|peer| peer.live(Class::Control).cloned())
    };
    let sent = live.is_some_and(|link| {
        link.connection.datagram_send_buffer_space() >= length
            && link.connection.send_datagram(bytes).is_ok()
    });
    if sent {
        return inner.counters.datagrams_sent.one();
    }
    inner.counters.datagrams_not_sent.one();
    // Why it can't be dialled is of no use to a sender that doesn't wait.
    let _ = dial_if_gone(inner, to);
}

fn dial_if_gone(inner: &Arc<Inner>, to: NodeId) -> Result<bool, Unconnected> {
    let stands = inner
        .peers()
        .peers
        .get(&to)
        .and_then(|peer| peer.live(Class::Control))
        .is_some_and(|link| link.connection.close_reason().is_none());
    if stands {
        return Ok(true);
    }
    want(inner, to, Class::Control, Wish::Background)
}

/// Queues a rumour, and sees to it that somebody sends it.
pub(super) fn rumour(inner: &Arc<Inner>, to: NodeId, bytes: Bytes) {
    if bytes.len() > MAX_RUMOUR {
        return inner.counters.rumours_not_sent.one();
    }
    let start = {
        let mut peers = inner.peers();
        let Ok(peer) = peers.trusted(to) else {
            return inner.counters.rumours_not_sent.one();
        };
        let dropped = peer.rumours.push(bytes);
        inner.counters.rumours_not_sent.add(dropped);
        !std::mem::replace(&mut peer.rumours.sending, true)
    };
    if start {
        inner.spawn(send_rumours(inner.clone(), to));
    }
}

/// Empties the queue of one peer. If the peer is out of reach the rest is dropped: news that is
/// late is what syncs are for.
async fn send_rumours(inner: Arc<Inner>, to: NodeId) {
    loop {
        let next = {
            let mut peers = inner.peers();
            let Some(peer) = peers.peers.get_mut(&to) else {
                return;
            };
            let next = peer.rumours.pop();
            peer.rumours.sending = next.is_some();
            next
        };
        let Some(rumour) = next else {
            return;
        };
        let sent = timeout(BODY_TIMEOUT, send_rumour(&inner, to, rumour)).await;
        if matches!(sent, Ok(Some(()))) {
            inner.counters.rumours_sent.one();
            continue;
        }
        inner.counters.rumours_not_sent.one();
        if let Some(peer) = inner.peers().peers.get_mut(&to)
            && peer.live(Class::Control).is_none()
        {
            inner.counters.rumours_not_sent.add(peer.rumours.clear());
        }
    }
}

async fn send_rumour(inner: &Arc<Inner>, to: NodeId, rumour: Bytes) -> Option<()> {
    let link = connected(inner, to, Class::Control, Wish::Background)
        .await
        .ok()?;
    let _lease = link.lease.clone();
    let mut send = link.connection.open_uni().await.ok()?;
    send.write_chunk(rumour).await.ok()?;
    send.finish().ok()
}

/// Asks a peer, and waits for its answer.
pub(super) async fn request(
    inner: &Arc<Inner>,
    to: NodeId,
    bytes: Bytes,
    limit: Duration,
) -> Result<Bytes, RequestError> {
    if bytes.len() > MAX_REQUEST {
        return Err(RequestError::TooLarge(bytes.len()));
    }
    let answer = timeout(limit, ask(inner, to, bytes))
        .await
        .unwrap_or(Err(RequestError::TimedOut(limit)));
    match &answer {
        Ok(_) => inner.counters.requests_answered.one(),
        Err(_) => inner.counters.requests_failed.one(),
    }
    answer
}

async fn ask(inner: &Arc<Inner>, to: NodeId, bytes: Bytes) -> Result<Bytes, RequestError> {
    let link = connected(inner, to, Class::Control, Wish::Urgent).await?;
    let _lease = link.lease.clone();
    let (mut send, mut recv) = link.connection.open_bi().await.map_err(lost)?;
    send.write_chunk(bytes).await.map_err(|error| match error {
        quinn::WriteError::ConnectionLost(error) => lost(error),
        _ => RequestError::Declined,
    })?;
    // Fails only if the peer has stopped the stream: reading will tell.
    let _ = send.finish();
    match recv.read_to_end(MAX_REPLY).await {
        Ok(reply) => Ok(reply.into()),
        Err(quinn::ReadToEndError::Read(quinn::ReadError::ConnectionLost(error))) => {
            Err(lost(error))
        }
        Err(_) => Err(RequestError::Declined),
    }
}

fn lost(error: quinn::ConnectionError) -> RequestError {
    RequestError::Lost(error.to_string())
}

/// Opens a stream on the data connection.
pub(super) async fn open_stream(
    inner: &Arc<Inner>,
    to: NodeId,
    header: &StreamHeader,
) -> Result<(SendStream, RecvStream), StreamError> {
    if header.0.len() > MAX_STREAM_HEADER {
        return Err(StreamError::TooLarge(header.0.len()));
    }
    let limit = inner.settings.handshake_timeout * 2;
    let open = async {
        let link = connected(inner, to, Class::Data, Wish::Urgent).await?;
        let lease = link.lease.clone();
        let opened = link.connection.open_bi().await;
        let opened = opened.map_err(|error| StreamError::Lost(error.to_string()))?;
        let (mut send, recv) = stream::halves(opened, &lease);
        stream::write_header(&mut send, header)
            .await
            .map_err(|error| StreamError::Lost(error.to_string()))?;
        Ok((send, recv))
    };
    timeout(limit, open)
        .await
        .unwrap_or(Err(StreamError::TimedOut(limit)))
}
