//! `/nodes`: the roster.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use shoal_scheduler::{order::Order, spec::NodeSpec, view::NodeView};

use super::{
    body::{JsonText, json},
    error::ApiError,
    filters::Filters,
    handle::Handle,
    lookup::{self, Purpose},
    node_object::NodeObject,
    orders::{Concern, carry_out, receipt_headers, until_seen},
    query::{Id, Parameters},
};

const FILTERS: [&str; 6] = ["id", "name", "label", "node.label", "role", "membership"];

/// `GET /nodes`
pub(super) async fn list(
    State(handle): State<Handle>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let filters = Filters::read(&parameters, &FILTERS)?;
    check_values(&filters, "role", &["manager", "worker"])?;
    check_values(&filters, "membership", &["accepted", "pending"])?;
    let view = handle.view.borrow().clone();
    let nodes = view.nodes.values().filter(|node| matches(node, &filters));
    json(&nodes.map(NodeObject::from).collect::<Vec<_>>())
}

fn check_values(filters: &Filters, key: &str, known: &[&str]) -> Result<(), ApiError> {
    let bad = filters
        .values(key)
        .and_then(|values| values.iter().find(|value| !known.contains(&value.as_str())));
    match bad {
        Some(value) => Err(ApiError::Bad(format!("Invalid {key} filter: '{value}'"))),
        None => Ok(()),
    }
}

fn matches(node: &NodeView, filters: &Filters) -> bool {
    filters.any("role", |role| role == "manager")
        && filters.any("membership", |membership| membership == "accepted")
        && filters.any("name", |name| node.hostname.starts_with(name))
        && filters.any("id", |id| node.id.to_string().starts_with(id))
        && filters.labels("node.label", &node.spec.labels)
        && filters.labels("label", &node.facts.engine_labels)
}

/// `GET /nodes/{id}`
pub(super) async fn inspect(
    State(handle): State<Handle>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    json(&NodeObject::from(lookup::node(&view, &id, Purpose::Read)?))
}

/// `POST /nodes/{id}/update?version=`
pub(super) async fn update(
    State(handle): State<Handle>,
    Id(id): Id,
    parameters: Parameters,
    concern: Concern,
    JsonText(text): JsonText,
) -> Result<Response, ApiError> {
    let spec: NodeSpec = serde_json::from_str(&text)
        .map_err(|error| ApiError::Bad(format!("the node's spec can't be read: {error}")))?;
    let version = parameters.version("node")?;
    if !matches!(spec.role.as_str(), "" | "manager") {
        let text = "all nodes of a Shoal cluster are managers: there is nobody to demote to";
        return Err(shoal_scheduler::order::OrderError::Unsupported(text.into()).into());
    }
    let node = find(&handle, &id)?;
    let order = Order::UpdateNode {
        node,
        version,
        spec,
    };
    let receipt = carry_out(&handle, order, concern).await?;
    until_seen(&handle, |view| {
        view.nodes
            .get(&node)
            .is_none_or(|node| node.version != version)
    })
    .await;
    Ok(receipt_headers(&receipt).into_response())
}

/// `DELETE /nodes/{id}?force=`
pub(super) async fn remove(
    State(handle): State<Handle>,
    Id(id): Id,
    parameters: Parameters,
    concern: Concern,
) -> Result<Response, ApiError> {
    let node = find(&handle, &id)?;
    let force = parameters.flag("force");
    let receipt = carry_out(&handle, Order::RemoveNode { node, force }, concern).await?;
    Ok(receipt_headers(&receipt).into_response())
}

fn find(handle: &Handle, id: &str) -> Result<shoal_membership::NodeId, ApiError> {
    let view = handle.view.borrow().clone();
    lookup::node(&view, id, Purpose::Write).map(|node| node.id)
}
