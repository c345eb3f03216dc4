//! `/swarm`: this node's own place in a cluster, and what holds for the whole of it.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use shoal_scheduler::{
    order::{Order, OrderError},
    spec::ClusterSpec,
};
use tokio::{sync::oneshot, time::timeout};

use super::{
    body::{self, JsonText},
    error::ApiError,
    handle::{Handle, LeaveRequest, NodeState},
    info,
    orders::{Concern, carry_out, enqueue, receipt_headers, until_seen},
    query::Parameters,
    standing,
};

/// A node that leaves hands its tasks over first, and gives them their grace.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(55);
pub(super) const NO_MANAGER: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to \
    connect this node to swarm and try again.";
const NO_PART: &str = "This node is not part of a swarm";
pub(super) const NO_LOCK: &str = "there is nothing to lock: each node's key is in its own data directory, and secrets are \
    encrypted for the nodes that may read them";
const NO_CA: &str =
    "there is no certificate authority: nodes know each other by their keys, which don't expire";
const NO_RAFT: &str = "there is no Raft and no dispatcher: nothing of them can be set";

/// Paths that only a member of a cluster can answer.
const OF_MEMBERS: [&str; 7] = [
    "/configs",
    "/nodes",
    "/secrets",
    "/services",
    "/shoal",
    "/swarm",
    "/tasks",
];

/// Turns down what only a member of a cluster can answer while this node is none.
pub(super) async fn only_members(
    State(handle): State<Handle>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let is_of_members = OF_MEMBERS.iter().any(|prefix| {
        let rest = path.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let is_inactive = *handle.state.borrow() == NodeState::Inactive;
    match path {
        "/swarm/init" | "/swarm/join" => next.run(request).await,
        "/swarm/leave" if is_inactive => ApiError::Unavailable(NO_PART.into()).into_response(),
        _ if is_inactive && is_of_members => {
            ApiError::Unavailable(NO_MANAGER.into()).into_response()
        }
        _ => next.run(request).await,
    }
}

/// `GET /swarm`
pub(super) async fn inspect(State(handle): State<Handle>) -> Result<Response, ApiError> {
    let token = standing::token(&handle).await?;
    let view = handle.view.borrow().clone();
    let mut cluster = serde_json::to_value(info::cluster(&view))?;
    // All nodes are equal: either word lets a machine in as one of them.
    cluster["JoinTokens"] = json!({ "Worker": token, "Manager": token });
    cluster["TLSInfo"] = json!({});
    body::json(&cluster)
}

pub(super) fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    serde_json::from_str(text)
        .map_err(|error| ApiError::Bad(format!("the request can't be read: {error}")))
}

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

/// `POST /swarm/update?version=&rotateWorkerToken=&rotateManagerToken=&rotateManagerUnlockKey=`
pub(super) async fn update(
    State(handle): State<Handle>,
    parameters: Parameters,
    concern: Concern,
    JsonText(text): JsonText,
) -> Result<Response, ApiError> {
    let version = parameters.version("swarm")?;
    if parameters.flag("rotateManagerUnlockKey") {
        return Err(OrderError::Unsupported(NO_LOCK.into()).into());
    }
    let asked: Value = read(&text)?;
    check_spec(&asked)?;
    let view = handle.view.borrow().clone();
    let spec: ClusterSpec = read(&text)?;
    let mut answer = StatusCode::OK.into_response();
    let is_same =
        spec.labels == view.spec.labels && spec.task_history() == view.spec.task_history();
    if !is_same || version != view.spec_version {
        let receipt = carry_out(&handle, Order::UpdateCluster { version, spec }, concern).await?;
        until_seen(&handle, |view| view.spec_version != version).await;
        answer.headers_mut().extend(receipt_headers(&receipt));
    }
    if parameters.flag("rotateWorkerToken") || parameters.flag("rotateManagerToken") {
        carry_out(&handle, Order::RotateTokens, Concern(None)).await?;
        until_seen(&handle, |view| {
            !view.tokens.iter().any(|token| token.is_standing)
        })
        .await;
    }
    Ok(answer)
}

/// Turns down what a cluster does not have.
pub(super) fn check_spec(asked: &Value) -> Result<(), ApiError> {
    for (part, why) in [
        ("EncryptionConfig", NO_LOCK),
        ("CAConfig", NO_CA),
        ("Raft", NO_RAFT),
        ("Dispatcher", NO_RAFT),
    ] {
        if asked.get(part).is_some_and(says_something) {
            return Err(OrderError::Unsupported(why.into()).into());
        }
    }
    Ok(())
}

/// Whether anything in it is not as it is when nobody says.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is_set) => *is_set,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => list.iter().any(says_something),
        Value::Object(map) => map.values().any(says_something),
    }
}

/// `GET /swarm/unlockkey`
pub(super) async fn unlock_key() -> Result<Response, ApiError> {
    body::json(&json!({ "UnlockKey": "" }))
}

/// `POST /swarm/unlock`
pub(super) async fn unlock() -> ApiError {
    ApiError::Conflict("swarm is not locked")
}
