//! Where the lines of a task's log come from: this node's runtime, or another node.

use std::time::Duration;

use bytes::Bytes;
use shoal_membership::NodeId;
use shoal_scheduler::task::{ServiceId, TaskId};
use tokio::sync::mpsc;

/// Gives the log of a task, wherever it runs.
pub trait LogSource: Send + Sync + 'static {
    /// Starts reading one task's log and returns at once. The channel is bounded: a slow client
    /// slows the reading down. It is closed at the end of the log, or, when following, at the end
    /// of the task. Reading must stop soon after the receiver is dropped
    /// (`mpsc::Sender::closed`): the client has gone.
    fn read(&self, task: LogTarget, query: LogQuery) -> mpsc::Receiver<LogEvent>;
}

/// A task whose log is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogTarget {
    /// The node that runs it, or did.
    pub node: NodeId,
    /// Its service.
    pub service: ServiceId,
    /// The task.
    pub task: TaskId,
}

/// Which lines are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogQuery {
    /// Go on with new lines until the task ends.
    pub follow: bool,
    /// Only this many of the last lines. None: all.
    pub tail: Option<u64>,
    /// Only lines at or after this wall time since 1970.
    pub since: Option<Duration>,
    /// Only lines before this wall time since 1970.
    pub until: Option<Duration>,
    /// Lines of standard output.
    pub stdout: bool,
    /// Lines of standard error.
    pub stderr: bool,
}

/// What a log's channel carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// A line. Lines of one task come in the order in which they were written.
    Line(TaskLogLine),
    /// When following: what was there at the start has been sent, new lines come next. Lines
    /// before it are merged with other tasks' by time.
    CaughtUp,
    /// The log, or the rest of it, can't be had.
    Missing {
        /// Why, for people.
        reason: String,
    },
}

/// One line of a task's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskLogLine {
    /// The node that the task runs on.
    pub node: NodeId,
    /// The task.
    pub task: TaskId,
    /// Its service.
    pub service: ServiceId,
    /// When it was written, by its node's clock (wall time since 1970).
    pub at: Duration,
    /// Where it was written to.
    pub stream: LogStream,
    /// The line, with or without its line feed.
    pub line: Bytes,
}

/// Where a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
