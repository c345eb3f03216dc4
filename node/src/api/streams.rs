//! Answers that may go on for as long as the client likes: logs and events. They have places of their own, fewer than
//! there may be connections, so that whoever follows everything at once keeps nobody from asking what is the matter.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

use super::error::ApiError;

/// Such answers at a time.
pub(super) const STREAMS_MAX: usize = 192;

/// Places for them.
#[derive(Clone)]
pub(super) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

/// Lets a request through if there is a place for its answer, which keeps it until it has ended or the client is gone.
pub(super) async fn hold_place(
    State(places): State<Places>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let place = places.0.try_acquire_owned().map_err(|_| {
        let words =
            format!("this node sends {STREAMS_MAX} logs and events already; end some of them");
        tracing::warn!("{words}");
        ApiError::Unavailable(words)
    })?;
    let response = next.run(request).await;
    let hold = move |frame| {
        let _held = &place;
        frame
    };
    Ok(response.map(|body| Body::new(body.map_frame(hold))))
}
