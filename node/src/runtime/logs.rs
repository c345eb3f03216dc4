//! What tasks write, in the terms of `docker logs`.

use std::time::Duration;

use tokio::sync::mpsc;

/// Which output of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Which lines are wanted. Times are since 1970-01-01 UTC by the clock of the task's node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on until the task has ended and all is read.
    pub follow: bool,
    /// Only this many lines from the end of what is there now.
    pub tail: Option<u64>,
    /// Only lines written then or later.
    pub since: Option<Duration>,
    /// Only lines written before.
    pub until: Option<Duration>,
    /// Lines of standard output.
    pub stdout: bool,
    /// Lines of standard error.
    pub stderr: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            follow: false,
            tail: None,
            since: None,
            until: None,
            stdout: true,
            stderr: true,
        }
    }
}

impl LogOptions {
    /// Whether this line is wanted; `tail` aside.
    #[must_use]
    pub fn wants(&self, line: &LogLine) -> bool {
        let output = match line.output {
            Output::Stdout => self.stdout,
            Output::Stderr => self.stderr,
        };
        output
            && self.since.is_none_or(|since| line.at >= since)
            && self.until.is_none_or(|until| line.at < until)
    }
}

/// One line, or a piece of a long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was read from the task, since 1970-01-01 UTC.
    pub at: Duration,
    /// Where the task wrote it.
    pub output: Output,
    /// The line without its end; at most 16 KiB.
    pub line: Vec<u8>,
    /// Whether the line goes on in the next one of the same output.
    pub is_partial: bool,
}

/// Why a log, or the rest of it, can't be read; for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoLog(pub String);

/// Lines as they come; an error is the last of them. Dropping it ends the reading.
pub struct LogStream(mpsc::Receiver<Result<LogLine, NoLog>>);

impl LogStream {
    /// A stream of what is sent here. The sender waits for a slow reader.
    #[must_use]
    pub fn new(lines: mpsc::Receiver<Result<LogLine, NoLog>>) -> Self {
        Self(lines)
    }

    /// The next line, or nothing at the end. May be cancelled without loss.
    ///
    /// # Errors
    /// If what comes next can't be read: it is over then.
    pub async fn next(&mut self) -> Result<Option<LogLine>, NoLog> {
        self.0.recv().await.transpose()
    }
}
