//! Reads what a member sends on one connection, until the connection is gone.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use super::{Inner, packets};
use crate::{
    alpn::Class,
    config::{BODY_TIMEOUT, MAX_REPLY, MAX_REQUEST, MAX_RUMOUR, RETIRED_LINGER, STREAMS_QUEUED},
    handed::Handed,
    incoming::{Incoming, IncomingStream, Reply, Streams},
    peers::Link,
    refusal::Refusal,
    stream,
};

/// What a stream is reset with, or its sender told to stop, when it breaks the rules or the agent
/// drops it.
const NOT_SERVED: quinn::VarInt = quinn::VarInt::from_u32(1);

pub(super) async fn serve(inner: Arc<Inner>, link: Arc<Link>) {
    let error = match link.class {
        Class::Control => {
            tokio::select! {
                error = link.connection.closed() => error,
                error = datagrams(&inner, &link) => error,
                error = rumours(&inner, &link) => error,
                error = requests(&inner, &link) => error,
                error = wear_out(&inner, &link) => error,
            }
        }
        Class::Data => {
            tokio::select! {
                error = link.connection.closed() => error,
                error = streams(&inner, &link) => error,
                error = packets::small(&inner, &link) => error,
                error = packets::large(&inner, &link) => error,
                error = wear_out(&inner, &link) => error,
            }
        }
    };
    inner.heard_close(link.address(), Some(link.peer), &error);
    inner.ended(&link);
    inner.heard_removal(link.peer, &error).await;
}

/// Closes a connection that is not needed any more: a replaced one soon after its last use, one
/// for data when it had no streams and no packets for a while.
async fn wear_out(inner: &Inner, link: &Link) -> quinn::ConnectionError {
    let mut idle_before = false;
    let mut packets_before = 0;
    loop {
        let period = if link.retired.load(Ordering::Relaxed) {
            RETIRED_LINGER
        } else if link.class == Class::Data {
            inner.settings.idle_timeout
        } else {
            Duration::MAX
        };
        tokio::select! {
            () = sleep(period) => {}
            () = link.retiring.notified() => {
                idle_before = false;
                continue;
            }
        }
        let packets = match link.class {
            Class::Control => 0,
            Class::Data => packets::moved(&link.connection),
        };
        let is_quiet = std::mem::replace(&mut packets_before, packets) == packets;
        let idle = is_quiet && Arc::strong_count(&link.lease) == 1;
        if idle && idle_before {
            let reason = if link.retired.load(Ordering::Relaxed) {
                Refusal::Duplicate
            } else {
                Refusal::Idle
            };
            reason.close(&link.connection);
            return link.connection.closed().await;
        }
        idle_before = idle;
    }
}

async fn datagrams(inner: &Inner, link: &Link) -> quinn::ConnectionError {
    loop {
        let bytes = match link.connection.read_datagram().await {
            Ok(bytes) if bytes.is_empty() => continue,
            Ok(bytes) => bytes,
            Err(error) => return error,
        };
        let from = link.peer;
        match inner
            .events
            .try_send((Incoming::Datagram { from, bytes }, None))
        {
            Ok(()) => inner.counters.datagrams_received.one(),
            Err(_) => inner.counters.datagrams_not_received.one(),
        }
    }
}

/// One rumour after another, so a peer has one body under way at most.
async fn rumours(inner: &Inner, link: &Link) -> quinn::ConnectionError {
    loop {
        let mut recv = match link.connection.accept_uni().await {
            Ok(recv) => recv,
            Err(error) => return error,
        };
        let body = stream::read_body(&mut recv, MAX_RUMOUR, &inner.room);
        let Ok(Some((bytes, room))) = timeout(BODY_TIMEOUT, body).await else {
            // Already gone if it was the peer that cut it short.
            let _ = recv.stop(NOT_SERVED);
            continue;
        };
        let from = link.peer;
        inner.counters.rumours_received.one();
        inner
            .deliver(Incoming::Rumour { from, bytes }, Some(room))
            .await;
    }
}

/// Each request in a task of its own: as many as the peer may have streams.
async fn requests(inner: &Arc<Inner>, link: &Arc<Link>) -> quinn::ConnectionError {
    loop {
        match link.connection.accept_bi().await {
            Ok(stream) => inner.spawn(request(inner.clone(), link.clone(), stream)),
            Err(error) => return error,
        }
    }
}

async fn request(
    inner: Arc<Inner>,
    link: Arc<Link>,
    (mut send, mut recv): (quinn::SendStream, quinn::RecvStream),
) {
    let _lease = link.lease.clone();
    let body = stream::read_body(&mut recv, MAX_REQUEST, &inner.room);
    let Ok(Some((bytes, room))) = timeout(BODY_TIMEOUT, body).await else {
        // Both fail only if the peer was faster.
        let _ = recv.stop(NOT_SERVED);
        let _ = send.reset(NOT_SERVED);
        return;
    };
    let (reply, answer) = oneshot::channel();
    let event = Incoming::Request {
        from: link.peer,
        bytes,
        reply: Reply(reply),
    };
    inner.counters.requests_received.one();
    inner.deliver(event, Some(room)).await;
    let answer = tokio::select! {
        answer = answer => answer.ok(),
        _ = send.stopped() => None,
    };
    if !answer_with(&mut send, answer).await {
        let _ = send.reset(NOT_SERVED);
    }
}

async fn answer_with(send: &mut quinn::SendStream, answer: Option<Bytes>) -> bool {
    let Some(bytes) = answer.filter(|bytes| bytes.len() <= MAX_REPLY) else {
        return false;
    };
    send.write_chunk(bytes).await.is_ok() && send.finish().is_ok()
}

async fn streams(inner: &Arc<Inner>, link: &Arc<Link>) -> quinn::ConnectionError {
    loop {
        match link.connection.accept_bi().await {
            Ok(stream) => inner.spawn(open(inner.clone(), link.clone(), stream)),
            Err(error) => return error,
        }
    }
}

async fn open(inner: Arc<Inner>, link: Arc<Link>, stream: (quinn::SendStream, quinn::RecvStream)) {
    let (mut send, mut recv) = stream::halves(stream, &link.lease);
    let header = timeout(BODY_TIMEOUT, stream::read_header(&mut recv)).await;
    let Ok(Some(header)) = header else {
        // Both fail only if the peer was faster.
        let _ = recv.stop(NOT_SERVED);
        let _ = send.reset(NOT_SERVED);
        return;
    };
    let stream = IncomingStream {
        from: link.peer,
        header,
        send,
        recv,
    };
    // An error: nobody takes any more, and the peer sees that it is cut off.
    let _ = inner.streams.queue.send(stream).await;
}

/// Streams that wait for whoever takes them.
pub(crate) struct StreamQueue {
    queue: mpsc::Sender<IncomingStream>,
    other_end: Handed<Streams>,
}

impl StreamQueue {
    pub(super) fn new() -> Self {
        let (queue, other_end) = mpsc::channel(STREAMS_QUEUED);
        Self {
            queue,
            other_end: Handed::new(Streams(other_end)),
        }
    }

    pub(super) fn take(&self) -> Option<Streams> {
        self.other_end.take()
    }
}
