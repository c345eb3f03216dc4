//! Packets of users' traffic, on the data connection: a datagram each where it fits, else a stream of its own,
//! so that a large one is not lost with any piece of it.
//!
//! Nobody waits for a packet: what finds no room is dropped and counted, on both sides, as on any network.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use shoal_membership::NodeId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};

use super::{
    Inner,
    dial::{Wish, connected, want},
    send::StreamError,
};
use crate::{
    alpn::Class,
    config::{MAX_PACKET, PACKETS_KIB, PACKETS_QUEUED},
    handed::Handed,
    incoming::{Packet, Packets},
    peers::Link,
};

/// A packet that takes longer than this is of no use any more.
const ON_ITS_WAY_MAX: Duration = Duration::from_secs(5);
/// What a stream is reset with whose packet is not wanted.
const NOT_SERVED: quinn::VarInt = quinn::VarInt::from_u32(1);

/// What has come in, and waits for whoever takes it.
pub(crate) struct PacketQueue {
    queue: mpsc::Sender<Packet>,
    /// Room for those that were too large for a datagram, in KiB.
    room: Arc<Semaphore>,
    other_end: Handed<Packets>,
}

impl PacketQueue {
    pub(crate) fn new() -> Self {
        let (queue, other_end) = mpsc::channel(PACKETS_QUEUED);
        Self {
            queue,
            room: Arc::new(Semaphore::new(PACKETS_KIB as usize)),
            other_end: Handed::new(Packets(other_end)),
        }
    }

    pub(super) fn take(&self) -> Option<Packets> {
        self.other_end.take()
    }
}

/// Packets that a connection has moved, both ways.
pub(super) fn moved(connection: &quinn::Connection) -> u64 {
    let stats = connection.stats();
    stats.frame_tx.datagram + stats.frame_rx.datagram
}

pub(super) async fn open(inner: &Arc<Inner>, to: NodeId) -> Result<(), StreamError> {
    let limit = inner.settings.handshake_timeout * 2;
    match timeout(limit, connected(inner, to, Class::Data, Wish::Urgent)).await {
        Ok(connected) => Ok(connected.map(|_| ())?),
        Err(_) => Err(StreamError::TimedOut(limit)),
    }
}

pub(super) fn send(inner: &Arc<Inner>, to: NodeId, bytes: Bytes) -> bool {
    let is_sent = !bytes.is_empty() && bytes.len() <= MAX_PACKET && handed_over(inner, to, bytes);
    match is_sent {
        true => inner.counters.packets_sent.one(),
        false => inner.counters.packets_not_sent.one(),
    }
    is_sent
}

fn handed_over(inner: &Arc<Inner>, to: NodeId, bytes: Bytes) -> bool {
    let live = {
        let mut peers = inner.peers();
        let peer = peers.trusted(to).ok();
        peer.and_then(|peer| peer.live(Class::Data).cloned())
    };
    let Some(link) = live.filter(|link| link.connection.close_reason().is_none()) else {
        // Why it can't be dialled is of no use to a sender that doesn't wait.
        let _ = want(inner, to, Class::Data, Wish::Background);
        return false;
    };
    let length = bytes.len();
    if link
        .connection
        .max_datagram_size()
        .is_some_and(|most| length <= most)
    {
        // Else the oldest would go for it.
        return link.connection.datagram_send_buffer_space() >= length
            && link.connection.send_datagram(bytes).is_ok();
    }
    let opening = pin!(link.connection.open_uni());
    let Poll::Ready(Ok(mut stream)) = opening.poll(&mut Context::from_waker(Waker::noop())) else {
        return false;
    };
    let lease = link.lease.clone();
    inner.spawn(async move {
        let _lease = lease;
        let sent = timeout(ON_ITS_WAY_MAX, stream.write_chunk(bytes)).await;
        // It fails if the peer does not want it, or the connection is gone.
        let _ = match sent {
            Ok(_) => stream.finish(),
            Err(_) => stream.reset(NOT_SERVED),
        };
    });
    true
}

/// Takes those that came as datagrams.
pub(super) async fn small(inner: &Inner, link: &Link) -> quinn::ConnectionError {
    loop {
        match link.connection.read_datagram().await {
            // A sign of life, see `accept::is_alive`.
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => deliver(inner, (link.peer, bytes, None)),
            Err(error) => return error,
        }
    }
}

/// Takes those that came by streams, each in a task of its own: as many as the peer may have streams.
pub(super) async fn large(inner: &Arc<Inner>, link: &Arc<Link>) -> quinn::ConnectionError {
    loop {
        let mut stream = match link.connection.accept_uni().await {
            Ok(stream) => stream,
            Err(error) => return error,
        };
        let (inner, link) = (inner.clone(), link.clone());
        let reading = inner.clone();
        inner.spawn(async move {
            let _lease = link.lease.clone();
            match timeout(ON_ITS_WAY_MAX, read(&reading, &mut stream)).await {
                Ok(Some((bytes, room))) => deliver(&reading, (link.peer, bytes, Some(room))),
                _ => {
                    reading.counters.packets_not_received.one();
                    // It may have been the peer that cut it short.
                    let _ = stream.stop(NOT_SERVED);
                }
            }
        });
    }
}

async fn read(
    inner: &Inner,
    stream: &mut quinn::RecvStream,
) -> Option<(Bytes, OwnedSemaphorePermit)> {
    let most = u32::try_from(MAX_PACKET.div_ceil(1024)).ok()?;
    let mut room = inner
        .packets
        .room
        .clone()
        .try_acquire_many_owned(most)
        .ok()?;
    let bytes = stream.read_to_end(MAX_PACKET).await.ok()?;
    let own = room.split(bytes.len().div_ceil(1024))?;
    Some((bytes.into(), own))
}

fn deliver(inner: &Inner, packet: Packet) {
    match inner.packets.queue.try_send(packet) {
        Ok(()) => inner.counters.packets_received.one(),
        Err(_) => inner.counters.packets_not_received.one(),
    }
}
