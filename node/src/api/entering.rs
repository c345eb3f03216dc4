//! `/swarm/init` and `/swarm/join`: how a node that is in no cluster comes into one.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use shoal_net::JoinToken;
use shoal_scheduler::{
    order::{Order, OrderError},
    spec::{Availability, ClusterSpec, NodeSpec},
    view::{ClusterView, NodeStatus},
};
use tokio::{sync::oneshot, time::timeout};

use super::{
    body::{self, JsonText},
    error::ApiError,
    handle::{EnterRequest, Handle, NodeState},
    meant_address,
    orders::{Concern, carry_out, enqueue, is_seen_within, until_seen},
    swarm::{self, NO_LOCK},
};

/// A node that joins gets so long; then it goes on by itself.
const ENTER_TIME_MAX: Duration = Duration::from_secs(25);
/// And so long to hear of another member.
const MEET_TIME_MAX: Duration = Duration::from_secs(5);
/// What it is told about itself may cross what it says itself.
const ATTEMPTS: usize = 3;

const PART_ALREADY: &str = "This node is already part of a swarm. Use \"docker swarm leave\" to leave this swarm and \
    join another one.";
const NO_QUORUM: &str =
    "there is no quorum to lose: this node takes orders as it is, whoever else can be reached";
const ONE_PORT: &str =
    "what passes between machines goes over the one port of the agent: shoal agent --listen";
const NO_POOL: &str =
    "addresses of networks are each machine's own, and nobody has to agree on them";

/// What `docker swarm init` sends.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct InitRequest {
    listen_addr: Option<String>,
    advertise_addr: Option<String>,
    data_path_addr: Option<String>,
    data_path_port: u32,
    default_addr_pool: Option<Vec<String>>,
    force_new_cluster: bool,
    auto_lock_managers: bool,
    availability: Option<String>,
    spec: Option<Value>,
}

/// What `docker swarm join` sends.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct JoinRequest {
    listen_addr: Option<String>,
    advertise_addr: Option<String>,
    data_path_addr: Option<String>,
    availability: Option<String>,
    remote_addrs: Option<Vec<String>>,
    join_token: Option<String>,
}

/// `POST /swarm/init`: a new cluster of this node alone. Answers with its id.
pub(super) async fn init(
    State(handle): State<Handle>,
    JsonText(text): JsonText,
) -> Result<Response, ApiError> {
    let request: InitRequest = swarm::read(&text)?;
    if request.force_new_cluster && *handle.state.borrow() != NodeState::Inactive {
        return Err(unsupported(NO_QUORUM));
    }
    must_be_inactive(&handle)?;
    let availability = availability(request.availability.as_deref())?;
    if request.auto_lock_managers {
        return Err(unsupported(NO_LOCK));
    }
    if request
        .default_addr_pool
        .is_some_and(|pool| !pool.is_empty())
    {
        return Err(unsupported(NO_POOL));
    }
    let data_path = request.data_path_addr.unwrap_or_default();
    check_places(
        &handle,
        request.listen_addr,
        &data_path,
        request.data_path_port,
    )?;
    let spec = request.spec.unwrap_or_default();
    swarm::check_spec(&spec)?;
    let spec: Option<ClusterSpec> = serde_json::from_value(spec)
        .map_err(|error| ApiError::Bad(format!("the request can't be read: {error}")))?;
    let spec = spec.unwrap_or_default();
    spec.validate().map_err(OrderError::from)?;
    let advertise = advertised(&handle, request.advertise_addr.as_deref())?;
    enter(&handle, None, advertise).await?;
    let id = handle.view.borrow().this_node;
    // Before it was in a cluster the view showed it, too, as one of whom nothing is known.
    until_seen(&handle, |view| {
        let own = view.nodes.get(&id);
        own.is_some_and(|node| node.status == NodeStatus::Ready)
    })
    .await;
    if spec != ClusterSpec::default() {
        let version = handle.view.borrow().spec_version;
        carry_out(
            &handle,
            Order::UpdateCluster { version, spec },
            Concern(None),
        )
        .await?;
    }
    become_available(&handle, availability).await?;
    body::json(&id.to_string())
}

/// `POST /swarm/join`
pub(super) async fn join(
    State(handle): State<Handle>,
    JsonText(text): JsonText,
) -> Result<Response, ApiError> {
    let request: JoinRequest = swarm::read(&text)?;
    must_be_inactive(&handle)?;
    let availability = availability(request.availability.as_deref())?;
    let data_path = request.data_path_addr.unwrap_or_default();
    check_places(&handle, request.listen_addr, &data_path, 0)?;
    let token = request.join_token.unwrap_or_default();
    let mut token: JoinToken = token
        .parse()
        .map_err(|error| ApiError::Fault(format!("invalid join token: {error}")))?;
    let advertise = advertised(&handle, request.advertise_addr.as_deref())?;
    // What people name is tried first.
    let named = request.remote_addrs.unwrap_or_default();
    let port = handle.identity.listen.port();
    for text in named.iter().take(shoal_net::token::MAX_TOKEN_ENTRIES).rev() {
        for address in meant_address::of_others(text, port).await {
            token.addresses.retain(|known| *known != address);
            token.addresses.insert(0, address);
        }
    }
    token
        .addresses
        .truncate(shoal_net::token::MAX_TOKEN_ENTRIES);
    enter(&handle, Some(token), advertise).await?;
    become_available(&handle, availability).await?;
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

fn unsupported(why: &str) -> ApiError {
    OrderError::Unsupported(why.to_owned()).into()
}

fn must_be_inactive(handle: &Handle) -> Result<(), ApiError> {
    match *handle.state.borrow() {
        NodeState::Inactive => Ok(()),
        _ => Err(ApiError::Unavailable(PART_ALREADY.to_owned())),
    }
}

fn availability(text: Option<&str>) -> Result<Availability, ApiError> {
    match text.unwrap_or_default() {
        "" | "active" => Ok(Availability::Active),
        "pause" => Ok(Availability::Pause),
        "drain" => Ok(Availability::Drain),
        other => Err(ApiError::Bad(format!("invalid availability {other:?}"))),
    }
}

/// What an agent was told at its start is not told again.
fn check_places(
    handle: &Handle,
    listen: Option<String>,
    data_path: &str,
    data_port: u32,
) -> Result<(), ApiError> {
    let own = handle.identity.listen;
    if !data_path.is_empty() || data_port != 0 {
        return Err(unsupported(ONE_PORT));
    }
    let Some(listen) = listen.filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    let asked = meant_address::own(&listen, own.port())
        .map_err(|why| ApiError::Bad(format!("listen address {listen:?} {why}")))?;
    let is_where_it_is = asked.ip().is_unspecified() || asked.ip() == own.ip();
    match is_where_it_is && asked.port() == own.port() {
        true => Ok(()),
        false => Err(unsupported(&format!(
            "the agent listens on {own} since its start; to have it elsewhere: shoal agent --listen {asked}"
        ))),
    }
}

/// `--advertise-addr`
fn advertised(handle: &Handle, text: Option<&str>) -> Result<Option<SocketAddr>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let found = meant_address::own(text, handle.identity.listen.port());
    let bad = |why| ApiError::Bad(format!("advertise address {text:?} {why}"));
    found.map(Some).map_err(bad)
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

/// `--availability`: written as soon as the node is in, before much can have come to it.
async fn become_available(handle: &Handle, availability: Availability) -> Result<(), ApiError> {
    if availability == Availability::Active {
        return Ok(());
    }
    let mut attempts = 0..ATTEMPTS;
    loop {
        let (node, version, spec) = {
            let view = handle.view.borrow();
            let own = view.nodes.get(&view.this_node);
            let known = own.map(|own| (own.version, own.spec.clone()));
            let (version, spec) = known.unwrap_or_default();
            (view.this_node, version, spec)
        };
        let spec = NodeSpec {
            availability,
            ..spec
        };
        let order = Order::UpdateNode {
            node,
            version,
            spec,
        };
        attempts.next();
        match carry_out(handle, order, Concern(None)).await {
            Ok(_) => {}
            Err(ApiError::Order(OrderError::OutOfSequence)) if !attempts.is_empty() => continue,
            Err(error) => return Err(error),
        }
        until_seen(handle, |view| {
            let own = view.nodes.get(&node);
            own.is_some_and(|own| own.spec.availability == availability)
        })
        .await;
        return Ok(());
    }
}
