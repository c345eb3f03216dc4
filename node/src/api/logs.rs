//! `/services/{id}/logs` and `/tasks/{id}/logs`: the lines of all tasks, whichever nodes run them.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use hyper::body::Frame;
use shoal_scheduler::{
    task::{ServiceId, TaskId},
    view::{ClusterView, TaskView},
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    date::parse_unix,
    error::ApiError,
    handle::Handle,
    log_frame::Style,
    log_merge,
    log_source::{LogEvent, LogQuery, LogTarget, TaskLogLine},
    lookup::{self, Purpose},
    query::{Id, Parameters, Spoken},
    version::ApiVersion,
};

/// Logs that are read at a time for one request.
const LOGS_MAX: usize = 1024;
/// Lines that wait for a slow client.
const LINES_WAITING_MAX: usize = 256;

/// The routes of logs. `stop` ends followers.
pub(super) fn routes(stop: CancellationToken) -> Router<Handle> {
    let for_tasks = stop.clone();
    Router::new()
        .route(
            "/services/{id}/logs",
            get(|state, id, parameters, version| of_service(state, id, parameters, version, stop)),
        )
        .route(
            "/tasks/{id}/logs",
            get(|state, id, parameters, version| {
                of_task(state, id, parameters, version, for_tasks)
            }),
        )
}

async fn of_service(
    State(handle): State<Handle>,
    Id(id): Id,
    parameters: Parameters,
    version: Spoken,
    stop: CancellationToken,
) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let service = lookup::service(&view, &id, Purpose::Read)?;
    let raw = service.spec.container().tty;
    let request = Request::read(&parameters, Scope::Service(service.id), raw)?;
    request.check_number(&view)?;
    Ok(answer(handle, request, version.0, stop))
}

async fn of_task(
    State(handle): State<Handle>,
    Id(id): Id,
    parameters: Parameters,
    version: Spoken,
    stop: CancellationToken,
) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let task = lookup::task(view.tasks.keys().copied(), &id)?;
    let service = view.tasks.get(&task).map(|task| task.report.service);
    let raw = service
        .and_then(|service| view.services.get(&service))
        .is_some_and(|service| service.spec.container().tty);
    let request = Request::read(&parameters, Scope::Task(task), raw)?;
    Ok(answer(handle, request, version.0, stop))
}

/// Whose logs.
#[derive(Clone, Copy, Debug)]
enum Scope {
    Service(ServiceId),
    Task(TaskId),
}

/// What the client asks for.
#[derive(Clone, Copy, Debug)]
struct Request {
    scope: Scope,
    query: LogQuery,
    style: Style,
}

impl Request {
    fn read(parameters: &Parameters, scope: Scope, raw: bool) -> Result<Self, ApiError> {
        let (stdout, stderr) = (parameters.flag("stdout"), parameters.flag("stderr"));
        if !stdout && !stderr {
            return Err(ApiError::NoStream);
        }
        let query = LogQuery {
            follow: parameters.flag("follow"),
            tail: tail(parameters.text("tail"))?,
            since: time(parameters, "since")?,
            until: time(parameters, "until")?,
            stdout,
            stderr,
        };
        let style = Style {
            timestamps: parameters.flag("timestamps"),
            details: parameters.flag("details"),
            raw,
        };
        Ok(Self {
            scope,
            query,
            style,
        })
    }

    fn check_number(&self, view: &ClusterView) -> Result<(), ApiError> {
        match self.targets(view).count() {
            number if number > LOGS_MAX => Err(ApiError::Bad(format!(
                "the service has {number} tasks; the logs of at most {LOGS_MAX} can be read at \
                 once: ask for the logs of a task"
            ))),
            _ => Ok(()),
        }
    }

    fn targets<'a>(&self, view: &'a ClusterView) -> impl Iterator<Item = LogTarget> + 'a {
        let scope = self.scope;
        let is_meant = move |task: &&TaskView| match scope {
            Scope::Service(id) => task.report.service == id,
            Scope::Task(id) => task.report.id == id,
        };
        view.tasks.values().filter(is_meant).map(|task| LogTarget {
            node: task.node,
            service: task.report.service,
            task: task.report.id,
        })
    }
}

/// `all`, nothing and negative numbers mean all lines.
fn tail(text: &str) -> Result<Option<u64>, ApiError> {
    if matches!(text, "" | "all") {
        return Ok(None);
    }
    match text.parse::<i64>() {
        Ok(number) => Ok(number.try_into().ok()),
        Err(_) => Err(ApiError::Bad(format!(
            "tail must be a number of lines or `all`, not {text:?}"
        ))),
    }
}

fn time(parameters: &Parameters, name: &str) -> Result<Option<std::time::Duration>, ApiError> {
    match parameters.text(name) {
        "" | "0" => Ok(None),
        text => parse_unix(text).map(Some).ok_or_else(|| {
            ApiError::Bad(format!("{name} must be seconds since 1970, not {text:?}"))
        }),
    }
}

fn answer(
    handle: Handle,
    request: Request,
    version: ApiVersion,
    stop: CancellationToken,
) -> Response {
    let (frames, body) = mpsc::channel(LINES_WAITING_MAX);
    tokio::spawn(async move {
        // The client's leaving closes the channel; the agent's stopping cancels the token.
        let gone = frames.clone();
        tokio::select! {
            () = send_all(handle, request, frames) => {}
            () = gone.closed() => {}
            () = stop.cancelled() => {}
        }
    });
    let mut response = Response::new(Body::new(Frames(body)));
    if version > ApiVersion(41) {
        let kind = match request.style.raw {
            true => "application/vnd.docker.raw-stream",
            false => "application/vnd.docker.multiplexed-stream",
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

/// The body of an answer: what comes out of a channel.
struct Frames(mpsc::Receiver<Bytes>);

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

async fn send_all(handle: Handle, request: Request, frames: mpsc::Sender<Bytes>) {
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
    request: Request,
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
fn is_over(view: &ClusterView, request: Request, all_ended: bool) -> bool {
    match request.scope {
        Scope::Service(id) => all_ended && !view.services.contains_key(&id),
        Scope::Task(_) => all_ended,
    }
}

fn open_new(
    handle: &Handle,
    view: &Arc<ClusterView>,
    request: Request,
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
