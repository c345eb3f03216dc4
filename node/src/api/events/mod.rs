//! `/events`: what happens to services, nodes and networks, as this node hears of it.

mod difference;
mod history;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, Uri, header},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

pub(crate) use self::history::History;
use self::{difference::Event, history::now};
use super::{
    date::parse_unix,
    error::ApiError,
    filters::Filters,
    handle::Handle,
    log_stream::Frames,
    passing,
    query::{Parameters, Spoken},
    version::ApiVersion,
};
use crate::runtime::docker::LAUNCH;

/// All that Docker's client may name.
const FILTERS: [&str; 14] = [
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
    "volume",
];
/// Events that wait for a client that reads slowly.
const WAITING: usize = 64;
/// Longest line of an engine.
const LINE_BYTES_MAX: usize = 1 << 20;
/// For ever, as far as clocks go.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// The route. `stop` ends followers.
pub(super) fn routes(stop: CancellationToken) -> Router<Handle> {
    Router::new().route(
        "/events",
        get(|state, spoken, uri, parameters| events(state, spoken, uri, parameters, stop)),
    )
}

async fn events(
    State(handle): State<Handle>,
    Spoken(spoken): Spoken,
    uri: Uri,
    parameters: Parameters,
    stop: CancellationToken,
) -> Result<Response, ApiError> {
    let asked = Asked {
        filters: Filters::read(&parameters, &FILTERS)?,
        since: moment(&parameters, "since")?,
        until: moment(&parameters, "until")?,
    };
    let (frames, body) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        // The client's leaving closes the channel; the agent's stopping cancels the token.
        let gone = frames.clone();
        let of_engine = of_engine(&handle, spoken, &uri, &frames);
        let both = async { tokio::join!(send_all(&handle.history, &asked, &frames), of_engine) };
        tokio::select! {
            _ = both => {}
            () = gone.closed() => {}
            () = stop.cancelled() => {}
        }
    });
    let mut response = Response::new(Body::new(Frames(body)));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// The engine's own events, whole lines of them.
async fn of_engine(handle: &Handle, spoken: ApiVersion, uri: &Uri, frames: &mpsc::Sender<Bytes>) {
    let query = uri.query().map(|query| format!("?{query}"));
    let path = format!("/events{}", query.unwrap_or_default());
    let Some(answer) = passing::get(handle, spoken, &path).await else {
        return;
    };
    if !answer.status().is_success() {
        return;
    }
    let mut body = answer.into_body();
    let mut begun = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else {
            continue;
        };
        begun.extend_from_slice(&data);
        // What has no end is none.
        if begun.len() > LINE_BYTES_MAX {
            return;
        }
        let Some(end) = begun.iter().rposition(|byte| *byte == b'\n') else {
            continue;
        };
        let rest = begun.split_off(end + 1);
        let lines = std::mem::replace(&mut begun, rest);
        if frames.send(without_launch(&lines).into()).await.is_err() {
            return;
        }
    }
}

/// An engine repeats all labels of a container in each of its events, and one of ours is the task's whole spec.
fn without_launch(lines: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        match serde_json::from_slice::<Value>(line) {
            Ok(mut event) => {
                let attributes = event.pointer_mut("/Actor/Attributes");
                if let Some(attributes) = attributes.and_then(Value::as_object_mut) {
                    attributes.remove(LAUNCH);
                }
                kept.extend_from_slice(event.to_string().as_bytes());
                kept.push(b'\n');
            }
            Err(_) => kept.extend_from_slice(line),
        }
    }
    kept
}

fn moment(parameters: &Parameters, name: &str) -> Result<Option<Duration>, ApiError> {
    let Some(text) = parameters.non_empty(name) else {
        return Ok(None);
    };
    let moment = parse_unix(text);
    let bad = || ApiError::Bad(format!("{name}={text} is no time: seconds since 1970"));
    moment.map(Some).ok_or_else(bad)
}

struct Asked {
    filters: Filters,
    since: Option<Duration>,
    until: Option<Duration>,
}

async fn send_all(history: &History, asked: &Asked, frames: &mpsc::Sender<Bytes>) {
    let (kept, mut coming) = history.follow();
    // Nobody who names no time asks for the past.
    let of_late = kept.iter().filter(|event| {
        let at = Duration::from_nanos(event.time_nano);
        let from = asked.since.or(asked.until.map(|_| Duration::ZERO));
        from.is_some_and(|from| at >= from) && asked.until.is_none_or(|until| at <= until)
    });
    for event in of_late {
        if !send(event, asked, frames).await {
            return;
        }
    }
    let left = asked
        .until
        .map_or(NEVER, |until| until.saturating_sub(now()));
    let live = async {
        loop {
            match coming.recv().await {
                Ok(event) => {
                    if !send(&event, asked, frames).await {
                        return;
                    }
                }
                // It was too slow: what it missed is gone.
                Err(RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "a reader of events is too slow");
                }
                Err(RecvError::Closed) => return,
            }
        }
    };
    tokio::select! {
        () = live => {}
        () = sleep(left) => {}
    }
}

/// Whether the client is still there.
async fn send(event: &Arc<Event>, asked: &Asked, frames: &mpsc::Sender<Bytes>) -> bool {
    if !is_asked(&asked.filters, event) {
        return true;
    }
    let Ok(mut line) = serde_json::to_vec(event.as_ref()) else {
        return true;
    };
    line.push(b'\n');
    frames.send(line.into()).await.is_ok()
}

fn is_asked(filters: &Filters, event: &Event) -> bool {
    let is_of = |kind: &str| {
        filters.any(kind, |wanted| {
            let name = event.actor.attributes.get("name");
            event.kind == kind && (event.actor.id.starts_with(wanted) || name == Some(wanted))
        })
    };
    let others = ["container", "daemon", "image", "label", "plugin", "volume"];
    filters.any("type", |kind| kind == event.kind)
        && filters.any("event", |action| action == event.action)
        && filters.any("scope", |scope| scope == event.scope)
        && ["service", "node", "network", "secret", "config"]
            .into_iter()
            .all(is_of)
        && others.iter().all(|other| filters.values(other).is_none())
}
