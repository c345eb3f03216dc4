//! Which object a person means: a whole id, then a whole name, then the beginning of an id.
//!
//! On Swarm `DELETE /services/x` removes the one service whose id begins with `x` when none has
//! that name. Here the beginning of an id chooses what is changed or removed only from
//! [`SHORT_ID`] characters on, which is what `docker service ls` prints.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use shoal_scheduler::{
    spec::FileKind,
    task::TaskId,
    view::{ClusterView, FileView, NetworkView, NodeView, ServiceView},
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
    let is_named = |service: &ServiceView| service.spec.name == wanted;
    find("service", &view.services, wanted, purpose, is_named)
}

/// The network that is meant.
pub(super) fn network<'a>(
    view: &'a ClusterView,
    wanted: &str,
    purpose: Purpose,
) -> Result<&'a NetworkView, ApiError> {
    let is_named = |network: &NetworkView| network.spec.name == wanted;
    find("network", &view.networks, wanted, purpose, is_named)
}

/// The secret or config that is meant.
pub(super) fn file<'a>(
    view: &'a ClusterView,
    kind: FileKind,
    wanted: &str,
    purpose: Purpose,
) -> Result<&'a FileView, ApiError> {
    let all = match kind {
        FileKind::Secret => &view.secrets,
        FileKind::Config => &view.configs,
    };
    let is_named = |file: &FileView| file.spec.name == wanted;
    find(kind.as_str(), all, wanted, purpose, is_named)
}

/// The node that is meant.
pub(super) fn node<'a>(
    view: &'a ClusterView,
    wanted: &str,
    purpose: Purpose,
) -> Result<&'a NodeView, ApiError> {
    let is_named = |node: &NodeView| {
        !wanted.is_empty() && (node.hostname == wanted || node.spec.name == wanted)
    };
    find("node", &view.nodes, wanted, purpose, is_named)
}

fn find<'a, Id: Ord + FromStr + Display, T>(
    kind: &'static str,
    all: &'a BTreeMap<Id, T>,
    wanted: &str,
    purpose: Purpose,
    is_named: impl Fn(&T) -> bool,
) -> Result<&'a T, ApiError> {
    if let Some(found) = whole_id::<Id>(wanted).and_then(|id| all.get(&id)) {
        return Ok(found);
    }
    match only(kind, wanted, all.values().filter(|one| is_named(one)))? {
        Some(found) => Ok(found),
        None => by_prefix(kind, wanted, purpose, all.iter()),
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
fn whole_id<T: FromStr + ToString>(text: &str) -> Option<T> {
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
