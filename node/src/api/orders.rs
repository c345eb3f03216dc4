//! The way to the owner of the peer: an order or a question goes in, an outcome comes back.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, request::Parts},
};
use shoal_scheduler::{
    order::{Order, Receipt, WriteConcern},
    view::ClusterView,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    error::ApiError,
    handle::{Answer, Handle, OrderRequest, Question},
    query::Parameters,
};

/// An order waits at most this long for a place in the queue.
const QUEUE_TIME_MAX: Duration = Duration::from_secs(5);
/// An order, its write concern included, takes at most this long.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// After an order the view shows its effect at once; this is for an owner that replies too early.
const VIEW_TIME_MAX: Duration = Duration::from_secs(1);

/// How many nodes must hold a write: `?write-concern=` or the header `Shoal-Write-Concern`. None:
/// what the agent was started with.
pub(super) struct Concern(pub(super) Option<WriteConcern>);

impl<S: Sync> FromRequestParts<S> for Concern {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = Parameters::from_request_parts(parts, state).await?;
        let header = parts.headers.get("Shoal-Write-Concern");
        let from_header = header.map(|value| value.to_str().unwrap_or("?"));
        match parameters.non_empty("write-concern").or(from_header) {
            None => Ok(Self(None)),
            Some("local") => Ok(Self(Some(WriteConcern::Local))),
            Some("one") => Ok(Self(Some(WriteConcern::One))),
            Some("majority") => Ok(Self(Some(WriteConcern::Majority))),
            Some("all") => Ok(Self(Some(WriteConcern::All))),
            Some(other) => Err(ApiError::Bad(format!(
                "write-concern must be local, one, majority or all, not {other:?}"
            ))),
        }
    }
}

/// Has an order carried out, and waits until it is.
pub(super) async fn carry_out(
    handle: &Handle,
    order: Order,
    concern: Concern,
) -> Result<Receipt, ApiError> {
    let (reply, outcome) = oneshot::channel();
    let request = OrderRequest {
        order,
        concern: concern.0,
        reply,
    };
    enqueue(&handle.orders, request).await?;
    Ok(answer(outcome).await??)
}

/// Has a question answered.
pub(super) async fn ask(
    handle: &Handle,
    question: impl FnOnce(oneshot::Sender<Answer>) -> Question,
) -> Result<serde_json::Value, ApiError> {
    let (reply, outcome) = oneshot::channel();
    enqueue(&handle.questions, question(reply)).await?;
    Ok(answer(outcome).await??)
}

pub(super) async fn enqueue<T>(queue: &mpsc::Sender<T>, item: T) -> Result<(), ApiError> {
    match timeout(QUEUE_TIME_MAX, queue.send(item)).await {
        Ok(sent) => sent.map_err(|_| ApiError::Stopping),
        Err(_) => Err(ApiError::Busy),
    }
}

async fn answer<T>(outcome: oneshot::Receiver<T>) -> Result<T, ApiError> {
    match timeout(ANSWER_TIME_MAX, outcome).await {
        Ok(answered) => answered.map_err(|_| ApiError::Stopping),
        Err(_) => Err(ApiError::NoAnswer(ANSWER_TIME_MAX.as_secs())),
    }
}

/// Waits until the view shows what was ordered: clients read what they just wrote. Gives up after
/// a second, as another order may have undone it already.
pub(super) async fn until_seen(handle: &Handle, shows: impl FnMut(&Arc<ClusterView>) -> bool) {
    if !is_seen_within(VIEW_TIME_MAX, handle, shows).await {
        tracing::warn!("the view does not show an order that was carried out");
    }
}

/// Whether the view comes to show something in this time.
pub(super) async fn is_seen_within(
    limit: Duration,
    handle: &Handle,
    shows: impl FnMut(&Arc<ClusterView>) -> bool,
) -> bool {
    let mut view = handle.view.clone();
    timeout(limit, view.wait_for(shows)).await.is_ok()
}

/// A receipt as headers, for answers that have no body.
pub(super) fn receipt_headers(receipt: &Receipt) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Shoal-Holders", HeaderValue::from(receipt.holders));
    for warning in &receipt.warnings {
        if let Ok(value) = HeaderValue::from_bytes(warning.as_bytes()) {
            headers.append("Shoal-Warning", value);
        }
    }
    headers
}
