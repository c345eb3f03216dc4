//! One direction of a connection: bytes from a socket or a stream to another.
//!
//! Nothing is kept for a connection that is silent. What a socket has is read into a buffer that all
//! connections of a thread share, and goes on from there; what a stream has is passed on as it came in, without
//! a copy.

use std::{
    cell::RefCell,
    future::poll_fn,
    io::{self, IoSlice},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use shoal_net::{RecvStream, SendStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{ReadHalf, WriteHalf},
};

use super::ledger::Count;

/// What is read from a socket at once, in bytes.
const BUFFER: usize = 256 << 10;
/// Less than this is copied, so that a few bytes that wait do not keep a whole buffer.
const SMALL: usize = 16 << 10;
/// Pieces of a stream that are passed on at once: a packet's each.
const PIECES: usize = 32;

thread_local! {
    static READ: RefCell<BytesMut> = RefCell::default();
}

/// Where bytes come from.
pub(super) enum Source<'a> {
    Near(ReadHalf<'a>),
    Far(&'a mut RecvStream),
}

/// Where they go.
pub(super) enum Sink<'a> {
    Near(WriteHalf<'a>, Delay),
    Far(&'a mut SendStream),
}

/// Whether the kernel may hold back a few bytes until what went before has arrived (Nagle). The first bytes
/// of a connection never wait, and many connections have no others: those are spared the call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Delay {
    /// Nothing was written yet.
    AtMostLater,
    /// It may from now on.
    FromHere,
    Never,
}

/// How a direction ended.
pub(super) enum End {
    /// With its last byte, and the other side was told.
    Whole,
    /// Its source was cut off.
    SourceCut,
    /// Nobody takes its bytes any more.
    Unwanted,
}

/// Carries all that comes, after these first bytes. `is_last`: the other direction has ended; when this
/// returns, one has.
pub(super) async fn carry(
    mut source: Source<'_>,
    mut sink: Sink<'_>,
    first: &[u8],
    count: &Count,
    is_last: &AtomicBool,
) -> End {
    if !first.is_empty() && sink.take(Bytes::copy_from_slice(first)).await.is_err() {
        return End::Unwanted;
    }
    let ended = match &mut source {
        Source::Near(socket) => from_socket(socket, &mut sink, count).await,
        Source::Far(stream) => from_stream(stream, &mut sink, count).await,
    };
    match ended {
        Err(unwanted_or_cut) => unwanted_or_cut,
        // Closed at once, a socket tells its end by that.
        Ok(()) if is_last.swap(true, Ordering::Relaxed) && matches!(sink, Sink::Near(..)) => {
            End::Whole
        }
        Ok(()) => match sink.end().await {
            Ok(()) => End::Whole,
            Err(_) => End::Unwanted,
        },
    }
}

async fn from_socket(
    socket: &mut ReadHalf<'_>,
    sink: &mut Sink<'_>,
    count: &Count,
) -> Result<(), End> {
    loop {
        // tokio's own read knows that a socket which gave less than it could have has no more, and asks
        // the kernel once less.
        let step = poll_fn(|context| {
            READ.with_borrow_mut(|buffer| {
                buffer.clear();
                buffer.reserve(BUFFER);
                let reads = pin!(socket.read_buf(buffer)).poll(context);
                let read = ready!(reads).map_err(|_| End::SourceCut)?;
                if read == 0 {
                    return Poll::Ready(Ok(None));
                }
                count.many(read);
                buffer.advance(sink.take_now(buffer)?);
                Poll::Ready(Ok(Some(match buffer.len() < SMALL {
                    true => Bytes::copy_from_slice(buffer),
                    false => buffer.split().freeze(),
                })))
            })
        })
        .await;
        let Some(rest) = step? else { return Ok(()) };
        if !rest.is_empty() {
            sink.take(rest).await.map_err(|_| End::Unwanted)?;
        }
    }
}

async fn from_stream(
    stream: &mut RecvStream,
    sink: &mut Sink<'_>,
    count: &Count,
) -> Result<(), End> {
    // Not within the future, which is moved about when its task begins.
    let mut pieces = vec![Bytes::new(); PIECES];
    loop {
        let read = stream.read_chunks(&mut pieces).await;
        let Some(number) = read.map_err(|_| End::SourceCut)? else {
            return Ok(());
        };
        let pieces = &mut pieces[..number];
        count.many(pieces.iter().map(Bytes::len).sum());
        sink.take_all(pieces).await.map_err(|_| End::Unwanted)?;
    }
}

impl Sink<'_> {
    /// Before each write: from the second on the kernel may not wait.
    fn hurry(&mut self) {
        if let Sink::Near(socket, delay) = self {
            *delay = match *delay {
                Delay::AtMostLater => Delay::FromHere,
                Delay::FromHere => {
                    // An error: the connection is slower.
                    let _ = socket.as_ref().set_nodelay(true);
                    Delay::Never
                }
                Delay::Never => Delay::Never,
            };
        }
    }

    /// Takes what it can at once: so many bytes.
    fn take_now(&mut self, bytes: &[u8]) -> Result<usize, End> {
        self.hurry();
        match self {
            Sink::Near(socket, _) => match socket.try_write(bytes) {
                Ok(written) => Ok(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                Err(_) => Err(End::Unwanted),
            },
            Sink::Far(_) => Ok(0),
        }
    }

    async fn take(&mut self, bytes: Bytes) -> io::Result<()> {
        self.hurry();
        match self {
            Sink::Near(socket, _) => socket.write_all(&bytes).await,
            Sink::Far(stream) => Ok(stream.write_chunk(bytes).await?),
        }
    }

    /// Takes all of these, and leaves them empty.
    async fn take_all(&mut self, pieces: &mut [Bytes]) -> io::Result<()> {
        self.hurry();
        match self {
            Sink::Near(socket, _) => write_all(socket, pieces).await,
            Sink::Far(stream) => Ok(stream.write_all_chunks(pieces).await?),
        }
    }

    async fn end(&mut self) -> io::Result<()> {
        match self {
            Sink::Near(socket, _) => socket.shutdown().await,
            Sink::Far(stream) => stream.shutdown().await,
        }
    }
}

async fn write_all(socket: &mut WriteHalf<'_>, pieces: &mut [Bytes]) -> io::Result<()> {
    let mut at = 0;
    while at < pieces.len() {
        let mut slices = [IoSlice::new(&[]); PIECES];
        for (slice, piece) in slices.iter_mut().zip(&pieces[at..]) {
            *slice = IoSlice::new(piece);
        }
        let left = (pieces.len() - at).min(PIECES);
        let mut written = socket.write_vectored(&slices[..left]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        for piece in &mut pieces[at..] {
            let part = written.min(piece.len());
            piece.advance(part);
            written -= part;
            if !piece.is_empty() {
                break;
            }
            // What it held can be used again.
            *piece = Bytes::new();
            at += 1;
        }
    }
    Ok(())
}
