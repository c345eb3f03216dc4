//! `GET /shoal/v1/why`: placement's explanation in the API's words.

use serde_json::{Value, json};
use shoal_membership::NodeId;
use shoal_scheduler::{
    order::OrderError,
    placement::{self, Explanation, NodeExplanation, Plan},
    task::{ServiceId, Slot},
    view::{self, ClusterView},
};

/// Pairs of nodes that can't reach each other, told of one slot.
const PAIRS_MAX: usize = 4;
/// Most slots explained at once. Each costs as much as a few plans.
const SLOTS_MAX: usize = 32;

/// The slots of a service, or the one that was asked for.
///
/// # Errors
/// If there is no such slot.
pub(super) fn answer(
    view: &ClusterView,
    input: &placement::Input,
    plan: &Plan,
    service: ServiceId,
    slots: &[Slot],
    asked: Option<Slot>,
) -> Result<Value, OrderError> {
    let explained = slots
        .iter()
        .take(SLOTS_MAX)
        .map(|slot| {
            placement::explain(input, plan, service, *slot)
                .as_ref()
                .map(|one| object(one, view))
        })
        .collect::<Option<Vec<Value>>>();
    let mut all = explained.filter(|all| !all.is_empty()).ok_or_else(|| {
        let service = service.to_string();
        let id = asked.map_or(service.clone(), |slot| format!("{service}.{slot}"));
        OrderError::NotFound { kind: "slot", id }
    })?;
    Ok(match asked {
        Some(_) => all.remove(0),
        None => Value::Array(all),
    })
}

/// One slot as JSON.
fn object(one: &Explanation, view: &ClusterView) -> Value {
    let named = |id: &Option<String>| {
        let node = one
            .nodes
            .iter()
            .find(|node| Some(&node.node) == id.as_ref());
        id.as_ref()
            .map(|id| json!({"ID": id, "Hostname": node.map(|node| &node.hostname)}))
    };
    json!({
        "Service": one.service_name,
        "ServiceID": one.service.to_string(),
        "Slot": one.slot,
        "Owner": named(&one.owner),
        "Next": named(&one.next),
        "Priority": one.priority,
        "Rung": one.rung,
        "Summary": summary(one, view),
        "Nodes": one.nodes.iter().map(node_object).collect::<Vec<_>>(),
    })
}

/// Which nodes can't listen on a port that the service publishes.
fn closed_ports(view: &ClusterView, service: ServiceId) -> Vec<String> {
    let Some(service) = view.services.get(&service) else {
        return Vec::new();
    };
    let nodes = view.nodes.values();
    let closed = nodes.flat_map(|node| {
        let troubles = view::port_troubles(node, service);
        troubles.map(|trouble| format!("node {}: {trouble}", node.hostname))
    });
    closed.collect()
}

fn summary(one: &Explanation, view: &ClusterView) -> Vec<String> {
    let pending = one
        .pending
        .iter()
        .map(|reason| format!("pending: {reason}"));
    let bound = one.bound.iter().map(|reason| format!("bound: {reason}"));
    let further = apart(one, view)
        .into_iter()
        .chain(closed_ports(view, one.service));
    pending.chain(bound).chain(further).collect()
}

/// Who can't reach the slot's node.
fn apart(one: &Explanation, view: &ClusterView) -> Vec<String> {
    let owner: Option<NodeId> = one.owner.as_ref().and_then(|owner| owner.parse().ok());
    let pairs = view.pairs_apart();
    let pairs = pairs.filter(|pair| owner.is_some_and(|owner| pair.nodes.contains(&owner)));
    pairs
        .take(PAIRS_MAX)
        .map(|pair| view.tell_apart(&pair))
        .collect()
}

fn node_object(node: &NodeExplanation) -> Value {
    let load = format!("{} of at most {} slots", node.load, node.load_cap);
    let verdict = match (&node.reason, node.is_owner) {
        (_, true) => format!("owns it; has {load}"),
        (Some(reason), false) => reason.clone(),
        (None, false) => format!("could take it; has {load}"),
    };
    json!({
        "ID": node.node,
        "Hostname": node.hostname,
        "Rank": node.rank,
        "Score": node.score,
        "Weight": node.weight,
        "Load": node.load,
        "LoadCap": node.load_cap,
        "Verdict": verdict,
    })
}
