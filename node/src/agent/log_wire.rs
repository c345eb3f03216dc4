//! How a task's log travels from the node that has it: a question in the stream's header, then
//! frames of a length and an encoded event each.

use std::time::Duration;

use bincode::{Decode, Encode};
use shoal_membership::codec::{decode, encode};
use shoal_scheduler::task::{ServiceId, TaskId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::api::{LogEvent, LogQuery, LogStream, LogTarget, TaskLogLine};

/// First byte of the header of such a stream.
const LOGS: u8 = 1;
/// Most bytes of a frame: a line of 16 KiB and what is around it.
const FRAME_BYTES_MAX: u32 = 64 * 1024;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct LogAsk {
    pub(super) task: TaskId,
    pub(super) service: ServiceId,
    follow: bool,
    tail: Option<u64>,
    since: Option<Duration>,
    until: Option<Duration>,
    stdout: bool,
    stderr: bool,
}

#[derive(Debug, Encode, Decode)]
enum Frame {
    Line {
        at: Duration,
        is_error: bool,
        line: Vec<u8>,
    },
    CaughtUp,
    Missing(String),
    /// That was all. Without it the connection broke.
    End,
}

/// What comes from the node that has the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    Event(LogEvent),
    /// That was all.
    End,
    /// The connection broke, or it sent nonsense; for people.
    Broken(String),
}

impl LogAsk {
    pub(super) fn new(target: &LogTarget, query: &LogQuery) -> Self {
        Self {
            task: target.task,
            service: target.service,
            follow: query.follow,
            tail: query.tail,
            since: query.since,
            until: query.until,
            stdout: query.stdout,
            stderr: query.stderr,
        }
    }

    pub(super) fn query(&self) -> LogQuery {
        LogQuery {
            follow: self.follow,
            tail: self.tail,
            since: self.since,
            until: self.until,
            stdout: self.stdout,
            stderr: self.stderr,
        }
    }

    pub(super) fn to_header(self) -> Vec<u8> {
        let mut header = vec![LOGS];
        header.extend(encode(&self));
        header
    }

    pub(super) fn of_header(header: &[u8]) -> Option<Self> {
        let (kind, rest) = header.split_first()?;
        (*kind == LOGS).then(|| decode(rest).ok()).flatten()
    }
}

/// Sends an event. An error: the asker has gone.
pub(super) async fn send(
    to: &mut (impl AsyncWriteExt + Unpin),
    event: LogEvent,
) -> std::io::Result<()> {
    let frame = match event {
        LogEvent::Line(line) => Frame::Line {
            at: line.at,
            is_error: line.stream == LogStream::Stderr,
            line: line.line.to_vec(),
        },
        LogEvent::CaughtUp => Frame::CaughtUp,
        LogEvent::Missing { reason } => Frame::Missing(reason),
    };
    write(to, &frame).await
}

/// Says that this was all. An error: the asker has gone.
pub(super) async fn send_end(to: &mut (impl AsyncWriteExt + Unpin)) -> std::io::Result<()> {
    write(to, &Frame::End).await
}

async fn write(to: &mut (impl AsyncWriteExt + Unpin), frame: &Frame) -> std::io::Result<()> {
    let bytes = encode(frame);
    to.write_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
        .await?;
    to.write_all(&bytes).await
}

/// Receives what comes next.
pub(super) async fn receive(
    from: &mut (impl AsyncReadExt + Unpin),
    target: &LogTarget,
) -> Received {
    match read(from).await {
        Ok(Frame::CaughtUp) => Received::Event(LogEvent::CaughtUp),
        Ok(Frame::Missing(reason)) => Received::Event(LogEvent::Missing { reason }),
        Ok(Frame::End) => Received::End,
        Ok(Frame::Line { at, is_error, line }) => Received::Event(LogEvent::Line(TaskLogLine {
            node: target.node,
            task: target.task,
            service: target.service,
            at,
            stream: if is_error {
                LogStream::Stderr
            } else {
                LogStream::Stdout
            },
            line: line.into(),
        })),
        Err(error) => Received::Broken(error.to_string()),
    }
}

async fn read(from: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Frame> {
    let bad = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
    let size = from.read_u32().await?;
    if size > FRAME_BYTES_MAX {
        return Err(bad("a piece of it is too long"));
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
    from.read_exact(&mut bytes).await?;
    decode(&bytes).map_err(|_| bad("a piece of it is not to be understood"))
}

#[cfg(test)]
mod tests {
    use shoal_membership::NodeId;

    use super::*;

    #[tokio::test]
    async fn an_end_is_told_from_a_connection_that_broke() {
        let target = LogTarget {
            node: NodeId::from_bytes([1; 16]),
            service: ServiceId(2),
            task: TaskId(3),
        };
        let mut sent = Vec::new();
        let reason = "no log".to_owned();
        send(&mut sent, LogEvent::CaughtUp).await.unwrap();
        send(&mut sent, LogEvent::Missing { reason }).await.unwrap();
        send_end(&mut sent).await.unwrap();
        for kept in 0..=sent.len() {
            let mut from = &sent[..kept];
            let last = loop {
                match receive(&mut from, &target).await {
                    Received::Event(_) => {}
                    last => break last,
                }
            };
            assert_eq!(last == Received::End, kept == sent.len(), "{last:?}");
        }
        let mut huge = &u32::MAX.to_be_bytes()[..];
        let received = receive(&mut huge, &target).await;
        assert!(matches!(received, Received::Broken(_)), "{received:?}");
    }
}
