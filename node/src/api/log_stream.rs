//! The body of an answer with logs: what was written, merged, and what is written from then on.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::Frame;
use shoal_scheduler::{
    task::{TaskId, TaskState},
    view::ClusterView,
};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    handle::Handle,
    log_merge,
    log_request::{LOGS_MAX, LogRequest, Scope},
    log_source::{LogEvent, LogQuery, TaskLogLine},
};

/// Lines that wait for a slow client.
pub(super) const LINES_WAITING_MAX: usize = 256;

/// The body of an answer: what comes out of a channel.
pub(super) struct Frames(pub(super) mpsc::Receiver<Bytes>);

impl hyper::body::Body for Frames {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0
            .poll_recv(context)
            .map(|frame| frame.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Sends all frames of an answer. Dropping it ends all reading.
pub(super) async fn send_all(handle: Handle, request: LogRequest, frames: mpsc::Sender<Bytes>) {
    let (lines, mut merged) = mpsc::channel(LINES_WAITING_MAX);
    let style = request.style;
    let reading = async move { read_all(&handle, request, lines).await };
    let out = frames.clone();
    let writing = async move {
        while let Some(line) = merged.recv().await {
            if out.send(style.line(&line)).await.is_err() {
                break;
            }
        }
    };
    let (missing, ()) = tokio::join!(reading, writing);
    if !missing.is_empty() {
        // Nobody is there to be told if this fails.
        let _ = frames.send(style.failure(&missing.join("; "))).await;
    }
}

/// Reads all logs; when following, those of tasks that start later too. Gives what is missing.
async fn read_all(
    handle: &Handle,
    request: LogRequest,
    lines: mpsc::Sender<TaskLogLine>,
) -> Vec<String> {
    let mut view = handle.view.clone();
    let now = view.borrow_and_update().clone();
    let mut opened = Opened::default();
    let logs = opened.new_logs(handle, &now, request, request.query);
    let mut present = log_merge::past(logs, request.query.follow, &lines).await;
    let mut missing = present.missing;
    if !request.query.follow {
        return missing;
    }
    let mut followed = JoinSet::new();
    for log in present.open.drain(..) {
        followed.spawn(pass_on(log, lines.clone()));
    }
    let later = LogQuery {
        tail: None,
        ..request.query
    };
    while !followed.is_empty() || opened.may_grow(request.scope) {
        tokio::select! {
            Some(ended) = followed.join_next() => missing.extend(ended.ok().flatten()),
            changed = view.changed(), if opened.may_grow(request.scope) => {
                let now = view.borrow_and_update().clone();
                opened.still_open = followed.len();
                if changed.is_err() || is_over(&now, request.scope, followed.is_empty()) {
                    break;
                }
                for log in opened.new_logs(handle, &now, request, later) {
                    followed.spawn(pass_on(log, lines.clone()));
                }
            }
            () = lines.closed() => break,
        }
    }
    while let Some(ended) = followed.join_next().await {
        missing.extend(ended.ok().flatten());
    }
    missing
}

/// What was removed, and whose tasks have ended, has nothing more to say.
fn is_over(view: &ClusterView, scope: Scope, all_ended: bool) -> bool {
    all_ended
        && match scope {
            Scope::Service(id) => !view.services.contains_key(&id),
            Scope::Task(id) => !view.tasks.contains_key(&id),
        }
}

/// The tasks whose logs are read, or were.
#[derive(Default)]
struct Opened {
    tasks: BTreeSet<TaskId>,
    still_open: usize,
}

impl Opened {
    /// Whether more logs may be there later.
    fn may_grow(&self, scope: Scope) -> bool {
        matches!(scope, Scope::Service(_)) || self.tasks.is_empty()
    }

    /// Opens the logs that are there, and were not before. A follower's waits until there is one.
    fn new_logs(
        &mut self,
        handle: &Handle,
        view: &Arc<ClusterView>,
        request: LogRequest,
        query: LogQuery,
    ) -> Vec<mpsc::Receiver<LogEvent>> {
        self.tasks.retain(|task| view.tasks.contains_key(task));
        let room = LOGS_MAX.saturating_sub(self.still_open);
        let new = request
            .targets(view)
            .filter(|target| !self.tasks.contains(&target.task));
        let new = new.filter(|target| !query.follow || has_log(view, target.task));
        let new: Vec<_> = new.take(room).collect();
        self.tasks.extend(new.iter().map(|target| target.task));
        new.into_iter()
            .map(|target| handle.logs.read(target, query))
            .collect()
    }
}

/// Whether a task has come so far that it writes, or never will.
fn has_log(view: &ClusterView, task: TaskId) -> bool {
    let report = view.tasks.get(&task).map(|task| &task.report);
    report.is_some_and(|report| report.state >= TaskState::Running || !report.container.is_empty())
}

/// Passes on the lines of a followed log. What is missing at its end, if anything.
async fn pass_on(
    mut log: mpsc::Receiver<LogEvent>,
    lines: mpsc::Sender<TaskLogLine>,
) -> Option<String> {
    while let Some(event) = log.recv().await {
        match event {
            LogEvent::Line(line) => lines.send(line).await.ok()?,
            LogEvent::CaughtUp => {}
            LogEvent::Missing { reason } => return Some(reason),
        }
    }
    None
}
