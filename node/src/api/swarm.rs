//! `/swarm`: this node's own place in the cluster.

use std::time::Duration;

use axum::{extract::State, http::StatusCode};
use tokio::{sync::oneshot, time::timeout};

use super::{
    error::ApiError,
    handle::{Handle, LeaveRequest},
    orders::enqueue,
    query::Parameters,
};

/// A node that leaves hands its tasks over first, and gives them their grace.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(55);

/// `POST /swarm/leave?force=`. Answers when the node has left.
pub(super) async fn leave(
    State(handle): State<Handle>,
    parameters: Parameters,
) -> Result<StatusCode, ApiError> {
    let (reply, left) = oneshot::channel();
    let force = parameters.flag("force");
    enqueue(&handle.leaving, LeaveRequest { force, reply }).await?;
    match timeout(LEAVE_TIME_MAX, left).await {
        Ok(Ok(Ok(()))) => Ok(StatusCode::OK),
        Ok(Ok(Err(why))) => Err(ApiError::Unavailable(why)),
        Ok(Err(_)) => Err(ApiError::Stopping),
        Err(_) => Err(ApiError::NoAnswer(LEAVE_TIME_MAX.as_secs())),
    }
}
