//! Many logs made one: by time as far as all is in the past, then as the lines come.
//!
//! Each log comes in order, so the oldest of their first lines is the next one: memory stays
//! bounded however long the logs are.

use std::time::Duration;

use tokio::{sync::mpsc, time::Instant};

use super::log_source::{LogEvent, TaskLogLine};

/// When following, a log whose past has not come by then no longer holds up the others.
const PAST_TIME_MAX: Duration = Duration::from_secs(2);

/// A log whose past is being merged.
struct Source {
    log: mpsc::Receiver<LogEvent>,
    first: Option<TaskLogLine>,
}

/// What is left when the past is merged.
pub(super) struct Present {
    /// Logs that go on.
    pub(super) open: Vec<mpsc::Receiver<LogEvent>>,
    /// What could not be read.
    pub(super) missing: Vec<String>,
}

/// Passes on the past of these logs, oldest line first: all of it, unless they are followed. Ends
/// early when `out` is closed.
pub(super) async fn past(
    logs: Vec<mpsc::Receiver<LogEvent>>,
    is_followed: bool,
    out: &mpsc::Sender<TaskLogLine>,
) -> Present {
    let deadline = is_followed.then(|| Instant::now() + PAST_TIME_MAX);
    let mut present = Present {
        open: Vec::new(),
        missing: Vec::new(),
    };
    let mut sources = Vec::new();
    for log in logs {
        advance(
            Source { log, first: None },
            deadline,
            &mut sources,
            &mut present,
        )
        .await;
    }
    while let Some(next) = oldest(&sources) {
        let mut source = sources.swap_remove(next);
        let Some(line) = source.first.take() else {
            continue;
        };
        if out.send(line).await.is_err() {
            break;
        }
        advance(source, deadline, &mut sources, &mut present).await;
    }
    present
}

/// Reads the next line of a log, and sorts the log to those with a past or to the others.
async fn advance(
    mut source: Source,
    deadline: Option<Instant>,
    sources: &mut Vec<Source>,
    present: &mut Present,
) {
    let event = match deadline {
        None => source.log.recv().await,
        Some(deadline) => match tokio::time::timeout_at(deadline, source.log.recv()).await {
            Ok(event) => event,
            Err(_) => return present.open.push(source.log),
        },
    };
    match event {
        Some(LogEvent::Line(line)) => {
            source.first = Some(line);
            sources.push(source);
        }
        Some(LogEvent::CaughtUp) => present.open.push(source.log),
        Some(LogEvent::Missing { reason }) => present.missing.push(reason),
        None => {}
    }
}

/// Which source has the oldest first line. Tasks in the order of their ids where times are equal.
fn oldest(sources: &[Source]) -> Option<usize> {
    let age = |source: &Source| source.first.as_ref().map(|line| (line.at, line.task));
    (0..sources.len()).min_by_key(|&index| age(&sources[index]))
}
