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
    let bytes = encode(&frame);
    to.write_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
        .await?;
    to.write_all(&bytes).await
}

/// Receives an event. None: the end, or nonsense.
pub(super) async fn receive(
    from: &mut (impl AsyncReadExt + Unpin),
    target: &LogTarget,
) -> Option<LogEvent> {
    let size = from
        .read_u32()
        .await
        .ok()
        .filter(|size| *size <= FRAME_BYTES_MAX)?;
    let mut bytes = vec![0; usize::try_from(size).ok()?];
    from.read_exact(&mut bytes).await.ok()?;
    Some(match decode(&bytes).ok()? {
        Frame::CaughtUp => LogEvent::CaughtUp,
        Frame::Missing(reason) => LogEvent::Missing { reason },
        Frame::Line { at, is_error, line } => LogEvent::Line(TaskLogLine {
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
        }),
    })
}
