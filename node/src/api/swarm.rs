//! `/swarm`: this node's own place in a cluster, and what holds for the whole of it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use shoal_net::JoinToken;
use shoal_scheduler::{
    order::{Order, OrderError},
    spec::ClusterSpec,
    view::{ClusterView, NodeStatus},
};
use tokio::{sync::oneshot, time::timeout};

use super::{
    body::{self, JsonText},
    error::ApiError,
    handle::{EnterRequest, Handle, LeaveRequest, NodeState},
    info,
    orders::{Concern, carry_out, enqueue, is_seen_within, receipt_headers, until_seen},
    query::Parameters,
    standing,
};

/// A node that leaves hands its tasks over first, and gives them their grace.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(55);
/// A node that joins gets so long; then it goes on by itself.
const ENTER_TIME_MAX: Duration = Duration::from_secs(25);

/// And so long to hear of another member.
const MEET_TIME_MAX: Duration = Duration::from_secs(5);

pub(super) const NO_MANAGER: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to \
    connect this node to swarm and try again.";
const PART_ALREADY: &str = "This node is already part of a swarm. Use \"docker swarm leave\" to leave this swarm and \
    join another one.";
const NO_PART: &str = "This node is not part of a swarm";
const NO_LOCK: &str = "there is nothing to lock: each node's key is in its own data directory, and secrets are \
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

/// What `docker swarm init` sends, as far as it is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct InitRequest {
    advertise_addr: Option<String>,
    availability: Option<String>,
    auto_lock_managers: bool,
}

/// What `docker swarm join` sends, as far as it is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct JoinRequest {
    advertise_addr: Option<String>,
    availability: Option<String>,
    remote_addrs: Option<Vec<String>>,
    join_token: Option<String>,
}

/// `POST /swarm/init`: a new cluster of this node alone. Answers with its id.
pub(super) async fn init(
    State(handle): State<Handle>,
    JsonText(text): JsonText,
) -> Result<Response, ApiError> {
    let request: InitRequest = read(&text)?;
    must_be_inactive(&handle)?;
    check_availability(request.availability.as_deref())?;
    if request.auto_lock_managers {
        return Err(OrderError::Unsupported(NO_LOCK.into()).into());
    }
    let advertise = address(&handle, request.advertise_addr.as_deref())?;
    enter(&handle, None, advertise).await?;
    let id = handle.view.borrow().this_node;
    // Before it was in a cluster the view showed it, too, as one of whom nothing is known.
    until_seen(&handle, |view| {
        let own = view.nodes.get(&id);
        own.is_some_and(|node| node.status == NodeStatus::Ready)
    })
    .await;
    body::json(&id.to_string())
}

/// `POST /swarm/join`
pub(super) async fn join(
    State(handle): State<Handle>,
    JsonText(text): JsonText,
) -> Result<Response, ApiError> {
    let request: JoinRequest = read(&text)?;
    must_be_inactive(&handle)?;
    check_availability(request.availability.as_deref())?;
    let token = request.join_token.unwrap_or_default();
    let mut token: JoinToken = token
        .parse()
        .map_err(|error| ApiError::Fault(format!("invalid join token: {error}")))?;
    // What people name is tried first.
    let named = request.remote_addrs.unwrap_or_default();
    for address in named
        .iter()
        .rev()
        .filter_map(|text| text.parse::<SocketAddr>().ok())
    {
        token.addresses.retain(|known| *known != address);
        token.addresses.insert(0, address);
    }
    token
        .addresses
        .truncate(shoal_net::token::MAX_TOKEN_ENTRIES);
    let advertise = address(&handle, request.advertise_addr.as_deref())?;
    enter(&handle, Some(token), advertise).await?;
    // Who asks next wants to see the others, and they may be away just now.
    let meets_another = |view: &Arc<ClusterView>| {
        let mut nodes = view.nodes.values();
        let is_named = nodes.clone().all(|node| !node.hostname.is_empty());
        is_named && nodes.any(|node| node.id != view.this_node && node.status == NodeStatus::Ready)
    };
    if !is_seen_within(MEET_TIME_MAX, &handle, meets_another).await {
        tracing::warn!("no other member has been heard of since this node joined");
    }
    Ok(StatusCode::OK.into_response())
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    serde_json::from_str(text)
        .map_err(|error| ApiError::Bad(format!("the request can't be read: {error}")))
}

fn must_be_inactive(handle: &Handle) -> Result<(), ApiError> {
    match *handle.state.borrow() {
        NodeState::Inactive => Ok(()),
        _ => Err(ApiError::Unavailable(PART_ALREADY.to_owned())),
    }
}

fn check_availability(text: Option<&str>) -> Result<(), ApiError> {
    match text {
        None | Some("" | "active") => Ok(()),
        Some(other @ ("pause" | "drain")) => Err(OrderError::Unsupported(format!(
            "a node enters as active; afterwards: docker node update --availability {other} self"
        ))
        .into()),
        Some(other) => Err(ApiError::Bad(format!("invalid availability {other:?}"))),
    }
}

/// `--advertise-addr`: an address, with a port or with that on which the agent listens.
fn address(handle: &Handle, text: Option<&str>) -> Result<Option<SocketAddr>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let port = handle.identity.listen.port();
    let whole = text.parse::<SocketAddr>().ok();
    let bare = || {
        text.parse::<IpAddr>()
            .ok()
            .map(|ip| SocketAddr::new(ip, port))
    };
    match whole.or_else(bare) {
        Some(address) => Ok(Some(address)),
        None => Err(ApiError::Bad(format!(
            "advertise address {text:?} must be an address such as 192.168.1.5 or 192.168.1.5:{port}"
        ))),
    }
}

async fn enter(
    handle: &Handle,
    token: Option<JoinToken>,
    advertise: Option<SocketAddr>,
) -> Result<(), ApiError> {
    let (reply, entered) = oneshot::channel();
    let request = EnterRequest {
        token,
        advertise,
        reply,
    };
    enqueue(&handle.entering, request).await?;
    match timeout(ENTER_TIME_MAX, entered).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(why))) => Err(ApiError::Fault(why)),
        Ok(Err(_)) => Err(ApiError::Stopping),
        Err(_) => Err(ApiError::Unavailable(
            "Timeout was reached before node joined. The attempt to join the swarm will continue in the background. \
             Use the \"docker info\" command to see the current swarm status of your node."
                .to_owned(),
        )),
    }
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
    let view = handle.view.borrow().clone();
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
