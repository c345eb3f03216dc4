//! Which object a person means: a whole id, then a whole name, then the beginning of an id.
//!
//! On Swarm `DELETE /services/x` removes the one service whose id begins with `x` when none has
//! that name. Here the beginning of an id chooses what is changed or removed only from
//! [`SHORT_ID`] characters on, which is what `docker service ls` prints.

use shoal_membership::NodeId;
use shoal_scheduler::{
    task::{NetworkId, ServiceId, TaskId},
    view::{ClusterView, NetworkView, NodeView, ServiceView},
};

use super::error::ApiError;

/// Length of the ids that docker's lists print.
const SHORT_ID: usize = 12;

/// What the object is looked for to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Look at it.
    Read,
    /// Change or remove it.
    Write,
}

/// The service that is meant.
pub(super) fn service<'a>(
    view: &'a ClusterView,
    wanted: &str,
    purpose: Purpose,
) -> Result<&'a ServiceView, ApiError> {
    if let Some(found) = whole_id::<ServiceId>(wanted).and_then(|id| view.services.get(&id)) {
        return Ok(found);
    }
    let all = || view.services.values();
    let named = all().filter(|service| service.spec.name == wanted);
    match only("service", wanted, named)? {
        Some(found) => Ok(found),
        None => by_prefix("service", wanted, purpose, all().map(|one| (one.id, one))),
    }
}

/// The network that is meant.
pub(super) fn network<'a>(
    view: &'a ClusterView,
    wanted: &str,
    purpose: Purpose,
) -> Result<&'a NetworkView, ApiError> {
    if let Some(found) = whole_id::<NetworkId>(wanted).and_then(|id| view.networks.get(&id)) {
        return Ok(found);
    }
    let all = || view.networks.values();
    let named = all().filter(|network| network.spec.name == wanted);
    match only("network", wanted, named)? {
        Some(found) => Ok(found),
        None => by_prefix("network", wanted, purpose, all().map(|one| (one.id, one))),
    }
}

/// The node that is meant.
pub(super) fn node<'a>(
    view: &'a ClusterView,
    wanted: &str,
    purpose: Purpose,
) -> Result<&'a NodeView, ApiError> {
    if let Some(found) = whole_id::<NodeId>(wanted).and_then(|id| view.nodes.get(&id)) {
        return Ok(found);
    }
    let all = || view.nodes.values();
    let named = all().filter(|node| node.hostname == wanted || node.spec.name == wanted);
    match only("node", wanted, named.filter(|_| !wanted.is_empty()))? {
        Some(found) => Ok(found),
        None => by_prefix("node", wanted, purpose, all().map(|one| (one.id, one))),
    }
}

/// The id of the task that is meant, among these: by its id, or by its name, which ends in it.
pub(super) fn task(
    mut tasks: impl Iterator<Item = TaskId> + Clone,
    wanted: &str,
) -> Result<TaskId, ApiError> {
    let end = wanted.rsplit('.').next().unwrap_or_default();
    match whole_id::<TaskId>(end) {
        Some(id) if tasks.clone().any(|task| task == id) => Ok(id),
        _ => by_prefix(
            "task",
            wanted,
            Purpose::Read,
            tasks.by_ref().map(|id| (id, id)),
        ),
    }
}

/// An id in the form in which it is shown; other spellings of the number are not ids.
fn whole_id<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    text.parse::<T>().ok().filter(|id| id.to_string() == text)
}

fn by_prefix<Id: ToString, T>(
    kind: &'static str,
    wanted: &str,
    purpose: Purpose,
    all: impl Iterator<Item = (Id, T)>,
) -> Result<T, ApiError> {
    let shortest = match purpose {
        Purpose::Read => 1,
        Purpose::Write => SHORT_ID,
    };
    let is_candidate = wanted.len() >= shortest;
    let matching = all
        .filter(|(id, _)| is_candidate && id.to_string().starts_with(wanted))
        .map(|(_, found)| found);
    only(kind, wanted, matching)?.ok_or_else(|| ApiError::not_found(kind, wanted))
}

fn only<T>(
    kind: &'static str,
    wanted: &str,
    mut found: impl Iterator<Item = T>,
) -> Result<Option<T>, ApiError> {
    let first = found.next();
    match found.count() {
        0 => Ok(first),
        others => Err(ApiError::Ambiguous {
            kind,
            id: wanted.to_owned(),
            matches: others + 1,
        }),
    }
}
