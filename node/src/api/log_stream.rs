//! The body of an answer with logs: what was written, merged, and what is written from then on.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::Frame;
use shoal_scheduler::{task::TaskId, view::ClusterView};
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
    let mut seen = BTreeSet::new();
    let logs = open_new(handle, &now, request, request.query, &mut seen);
    let mut present = log_merge::past(logs, request.query.follow, &lines).await;
    let mut followed = JoinSet::new();
    for log in present.open.drain(..) {
        followed.spawn(pass_on(log, lines.clone()));
    }
    let is_service = matches!(request.scope, Scope::Service(_));
    let later = LogQuery {
        tail: None,
        ..request.query
    };
    while request.query.follow && (is_service || !followed.is_empty()) {
        tokio::select! {
            Some(_) = followed.join_next() => {}
            changed = view.changed(), if is_service => {
                let now = view.borrow_and_update().clone();
                if changed.is_err() || is_over(&now, request, followed.is_empty()) {
                    break;
                }
                for log in open_new(handle, &now, request, later, &mut seen) {
                    followed.spawn(pass_on(log, lines.clone()));
                }
            }
            () = lines.closed() => break,
        }
    }
    while request.query.follow && followed.join_next().await.is_some() {}
    present.missing
}

/// A service that was removed and whose tasks have ended has nothing more to say.
fn is_over(view: &ClusterView, request: LogRequest, all_ended: bool) -> bool {
    match request.scope {
        Scope::Service(id) => all_ended && !view.services.contains_key(&id),
        Scope::Task(_) => all_ended,
    }
}

fn open_new(
    handle: &Handle,
    view: &Arc<ClusterView>,
    request: LogRequest,
    query: LogQuery,
    seen: &mut BTreeSet<TaskId>,
) -> Vec<mpsc::Receiver<LogEvent>> {
    let room = LOGS_MAX.saturating_sub(seen.len());
    let new = request
        .targets(view)
        .filter(|target| !seen.contains(&target.task));
    let new: Vec<_> = new.take(room).collect();
    seen.extend(new.iter().map(|target| target.task));
    new.into_iter()
        .map(|target| handle.logs.read(target, query))
        .collect()
}

async fn pass_on(mut log: mpsc::Receiver<LogEvent>, lines: mpsc::Sender<TaskLogLine>) {
    while let Some(event) = log.recv().await {
        match event {
            LogEvent::Line(line) => {
                if lines.send(line).await.is_err() {
                    return;
                }
            }
            LogEvent::CaughtUp => {}
            LogEvent::Missing { reason } => tracing::warn!(reason, "a followed log broke off"),
        }
    }
}
