//! `/shoal/v1`: what Docker has no word for.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use shoal_membership::NodeId;
use shoal_net::JoinToken;
use shoal_scheduler::{
    order::{Order, OrderError},
    spec::ServiceSpec,
    task::{ServiceId, Slot},
    view::{Apart, ClusterView, NodeStatus, TokenView},
};

use super::{
    body::{self, JsonText},
    date::rfc3339,
    error::ApiError,
    handle::{Handle, Question},
    lookup::{self, Purpose},
    orders::{Concern, ask, carry_out, receipt_headers, until_seen},
    query::{Id, Parameters},
};

/// Time that a token is good for when nothing is said.
const TOKEN_TTL_DEFAULT: u64 = 3600;
/// Pairs of nodes that are listed; clients show them one a line.
const PAIRS_MAX: usize = 50;

/// `GET /shoal/v1/cluster`
pub(super) async fn cluster(State(handle): State<Handle>) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let with = |status| {
        view.nodes
            .values()
            .filter(|node| node.status == status)
            .count()
    };
    body::json(&json!({
        "ID": view.cluster.to_string(),
        "CreatedAt": rfc3339(view.created_at),
        "NodeID": view.this_node.to_string(),
        "DesiredRoot": format!("{:016x}", view.desired_root),
        "Nodes": view.nodes.len(),
        "NodesReady": with(NodeStatus::Ready),
        "NodesDown": with(NodeStatus::Down),
        "Services": view.services.len(),
        "Tasks": view.tasks.len(),
        "Pending": view.pending.len(),
        "Apart": view.pairs_apart().take(PAIRS_MAX).map(|pair| pair_object(&view, &pair)).collect::<Vec<_>>(),
        "Warnings": view.warnings,
    }))
}

fn pair_object(view: &ClusterView, pair: &Apart) -> Value {
    let ids = |nodes: &[NodeId]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "Nodes": ids(&pair.nodes),
        "By": ids(&pair.by),
        "Text": view.tell_apart(pair),
    })
}

/// `GET /shoal/v1/traffic`: what this node has carried for each service since its agent started.
pub(super) async fn traffic(State(handle): State<Handle>) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    body::json(&handle.ledger.traffic(&view))
}

/// `GET /shoal/v1/tokens`
pub(super) async fn tokens(State(handle): State<Handle>) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let tokens = view.tokens.iter().filter(|token| !token.is_standing);
    body::json(&tokens.map(token_object).collect::<Vec<_>>())
}

fn token_object(token: &TokenView) -> Value {
    let expires = token
        .ttl
        .map(|ttl| rfc3339(token.created_at.saturating_add(ttl)));
    json!({
        "ID": token.id,
        "CreatedAt": rfc3339(token.created_at),
        "ExpiresAt": expires,
        "Uses": token.uses,
        "Used": token.used,
    })
}

/// `POST /shoal/v1/tokens?ttl=SECONDS&uses=N`. No `ttl`: an hour; 0: for ever. No `uses`: any number.
pub(super) async fn create_token(
    State(handle): State<Handle>,
    parameters: Parameters,
    concern: Concern,
) -> Result<Response, ApiError> {
    let seconds = parameters.number("ttl")?.unwrap_or(TOKEN_TTL_DEFAULT);
    let uses = match parameters.number("uses")? {
        Some(0) => return Err(ApiError::Bad("uses must be at least 1".into())),
        Some(uses) => Some(
            u32::try_from(uses)
                .map_err(|_| ApiError::Bad(format!("uses can be at most {}", u32::MAX)))?,
        ),
        None => None,
    };
    let ttl = Some(Duration::from_secs(seconds)).filter(|ttl| !ttl.is_zero());
    let receipt = carry_out(
        &handle,
        Order::CreateToken {
            ttl,
            uses,
            is_standing: false,
        },
        concern,
    )
    .await?;
    let mut id = None;
    until_seen(&handle, |view| {
        let mut tokens = view.tokens.iter();
        id = tokens
            .find(|token| is_of(&receipt.id, &token.id))
            .map(|token| token.id.clone());
        id.is_some()
    })
    .await;
    let created = json!({ "Token": receipt.id, "ID": id, "Warnings": receipt.warnings });
    let answer = body::json(&created)?;
    Ok((StatusCode::CREATED, receipt_headers(&receipt), answer).into_response())
}

/// Whether this is the id of the token with that text.
fn is_of(text: &str, id: &str) -> bool {
    text.parse::<JoinToken>()
        .is_ok_and(|token| token.name() == id)
}

/// `DELETE /shoal/v1/tokens/{id}`
pub(super) async fn remove_token(
    State(handle): State<Handle>,
    Id(id): Id,
    concern: Concern,
) -> Result<Response, ApiError> {
    let receipt = carry_out(&handle, Order::RemoveToken { id }, concern).await?;
    Ok((StatusCode::NO_CONTENT, receipt_headers(&receipt)).into_response())
}

/// `GET /shoal/v1/why/{service}`
pub(super) async fn why(State(handle): State<Handle>, Id(id): Id) -> Result<Response, ApiError> {
    let service = find(&handle, &id, Purpose::Read)?;
    explain(&handle, service, None).await
}

/// `GET /shoal/v1/why/{service}/{slot}`
pub(super) async fn why_slot(
    State(handle): State<Handle>,
    Path((id, slot)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let service = find(&handle, &id, Purpose::Read)?;
    let slot = read_slot(&handle.view.borrow().clone(), service, &slot)?;
    explain(&handle, service, Some(slot)).await
}

async fn explain(
    handle: &Handle,
    service: ServiceId,
    slot: Option<Slot>,
) -> Result<Response, ApiError> {
    let question = |reply| Question::Why {
        service,
        slot,
        reply,
    };
    body::json(&ask(handle, question).await?)
}

/// A service as somebody thinks of having it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Thought {
    /// Its id. None: it would be new.
    #[serde(rename = "ID", default)]
    id: Option<String>,
    /// What it would be. None: it would be removed.
    #[serde(default)]
    spec: Option<ServiceSpec>,
}

/// `POST /shoal/v1/plan`: what would follow if services were like this. Nothing is written.
pub(super) async fn plan(
    State(handle): State<Handle>,
    JsonText(text): JsonText,
) -> Result<Response, ApiError> {
    let thoughts: Vec<Thought> = serde_json::from_str(&text)
        .map_err(|error| ApiError::Bad(format!("the services can't be read: {error}")))?;
    let mut changes = Vec::new();
    for thought in thoughts {
        let id = thought.id.filter(|id| !id.is_empty());
        let service = id.map(|id| find(&handle, &id, Purpose::Read)).transpose()?;
        if let Some(spec) = &thought.spec {
            spec.validate().map_err(OrderError::from)?;
        }
        changes.push((service, thought.spec.map(Arc::new)));
    }
    let question = |reply| Question::Forecast { changes, reply };
    body::json(&ask(&handle, question).await?)
}

/// `POST /shoal/v1/volumes/release?service=&slot=`
pub(super) async fn release_volume(
    State(handle): State<Handle>,
    parameters: Parameters,
    concern: Concern,
) -> Result<Response, ApiError> {
    let service = find(&handle, parameters.text("service"), Purpose::Write)?;
    let slot = read_slot(
        &handle.view.borrow().clone(),
        service,
        parameters.text("slot"),
    )?;
    let order = Order::ReleaseVolume { service, slot };
    let receipt = carry_out(&handle, order, concern).await?;
    let answer = body::json(&json!({ "Warnings": receipt.warnings }))?;
    Ok((receipt_headers(&receipt), answer).into_response())
}

fn find(handle: &Handle, id: &str, purpose: Purpose) -> Result<ServiceId, ApiError> {
    let view = handle.view.borrow().clone();
    lookup::service(&view, id, purpose).map(|service| service.id)
}

/// A slot's number; of a global service the node's id or name.
fn read_slot(view: &ClusterView, service: ServiceId, text: &str) -> Result<Slot, ApiError> {
    let found = view.services.get(&service);
    if found.is_some_and(|service| service.spec.mode.is_global()) {
        return lookup::node(view, text, Purpose::Read).map(|node| Slot::Node(node.id));
    }
    match text.parse() {
        Ok(number) if number > 0 => Ok(Slot::Number(number)),
        _ => Err(ApiError::Bad(format!(
            "slot must be a number from 1 on, not {text:?}"
        ))),
    }
}
