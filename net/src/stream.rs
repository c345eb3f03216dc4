//! Streams between members: the two halves, their header, and bodies read within limits.

use std::{
    io,
    ops::{Deref, DerefMut},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::config::{MAX_STREAM_HEADER, SMALL_BODY};

/// What a stream is for, in the agents' own words: at most 64 KiB, sent before everything else.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StreamHeader(pub Vec<u8>);

/// Held by everything that uses a connection, so that a replaced one is closed only after it.
pub(crate) type Lease = Arc<()>;

/// The sending half. Dropping it finishes the stream; `reset` cuts it off.
#[derive(Debug)]
pub struct SendStream {
    inner: quinn::SendStream,
    _lease: Lease,
}

/// The receiving half. Dropping it tells the peer to stop.
#[derive(Debug)]
pub struct RecvStream {
    inner: quinn::RecvStream,
    _lease: Lease,
}

pub(crate) fn halves(
    (send, recv): (quinn::SendStream, quinn::RecvStream),
    lease: &Lease,
) -> (SendStream, RecvStream) {
    let send = SendStream {
        inner: send,
        _lease: lease.clone(),
    };
    let recv = RecvStream {
        inner: recv,
        _lease: lease.clone(),
    };
    (send, recv)
}

impl Deref for SendStream {
    type Target = quinn::SendStream;

    fn deref(&self) -> &quinn::SendStream {
        &self.inner
    }
}

impl DerefMut for SendStream {
    fn deref_mut(&mut self) -> &mut quinn::SendStream {
        &mut self.inner
    }
}

impl Deref for RecvStream {
    type Target = quinn::RecvStream;

    fn deref(&self) -> &quinn::RecvStream {
        &self.inner
    }
}

impl DerefMut for RecvStream {
    fn deref_mut(&mut self) -> &mut quinn::RecvStream {
        &mut self.inner
    }
}

impl AsyncWrite for SendStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.inner), cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl AsyncRead for RecvStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.inner), cx, into)
    }
}

pub(crate) async fn write_header(
    send: &mut quinn::SendStream,
    header: &StreamHeader,
) -> Result<(), quinn::WriteError> {
    let length = u32::try_from(header.0.len()).unwrap_or(u32::MAX);
    let mut whole = BytesMut::with_capacity(4 + header.0.len());
    whole.put_u32(length);
    whole.put_slice(&header.0);
    send.write_chunk(whole.freeze()).await
}

/// The header that opens a stream; none if it is too large or cut short.
pub(crate) async fn read_header(recv: &mut quinn::RecvStream) -> Option<StreamHeader> {
    let mut length = [0; 4];
    recv.read_exact(&mut length).await.ok()?;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    if length > MAX_STREAM_HEADER {
        return None;
    }
    let mut header = vec![0; length];
    recv.read_exact(&mut header).await.ok()?;
    Some(StreamHeader(header))
}

/// A whole body of at most `limit` bytes, and its share of the inbox. A large one waits for room
/// for the largest before it is read on, and gives back what it did not need.
pub(crate) async fn read_body(
    recv: &mut quinn::RecvStream,
    limit: usize,
    room: &Arc<Semaphore>,
) -> Option<(Bytes, OwnedSemaphorePermit)> {
    let mut body = BytesMut::new();
    let mut permit: Option<OwnedSemaphorePermit> = None;
    while let Some(chunk) = recv.read_chunk(SMALL_BODY, true).await.ok()? {
        if body.len() + chunk.bytes.len() > limit {
            return None;
        }
        body.extend_from_slice(&chunk.bytes);
        if body.len() > SMALL_BODY && permit.is_none() {
            permit = Some(room.clone().acquire_many_owned(kib(limit)).await.ok()?);
        }
    }
    let needed = kib(body.len());
    let permit = match permit {
        Some(mut whole) => whole.split(usize::try_from(needed).ok()?)?,
        None => room.clone().acquire_many_owned(needed).await.ok()?,
    };
    Some((body.freeze(), permit))
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}
