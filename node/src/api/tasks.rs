//! `/tasks`: what runs, what ran, and what waits.

use std::collections::{BTreeMap, BTreeSet};

use axum::{extract::State, response::Response};
use shoal_membership::NodeId;
use shoal_scheduler::{
    spec::ServiceSpec,
    task::{ServiceId, Slot, TaskId, TaskState},
    view::ClusterView,
};

use super::{
    body::json,
    error::ApiError,
    filters::Filters,
    handle::Handle,
    lookup::{self, Purpose},
    query::{Id, Parameters},
    task_object::{TaskObject, desired, is_up_to_date, pending_id},
};

const FILTERS: [&str; 8] = [
    "id",
    "name",
    "service",
    "node",
    "label",
    "desired-state",
    "runtime",
    "_up-to-date",
];

const STATES: [TaskState; 14] = [
    TaskState::New,
    TaskState::Pending,
    TaskState::Assigned,
    TaskState::Accepted,
    TaskState::Preparing,
    TaskState::Ready,
    TaskState::Starting,
    TaskState::Running,
    TaskState::Complete,
    TaskState::Shutdown,
    TaskState::Failed,
    TaskState::Rejected,
    TaskState::Remove,
    TaskState::Orphaned,
];

/// `GET /tasks`
pub(super) async fn list(
    State(handle): State<Handle>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let filters = Filters::read(&parameters, &FILTERS)?;
    let view = handle.view.borrow().clone();
    let wanted = Wanted::new(&view, &filters)?;
    let reported = view.tasks.values().filter(|task| {
        let report = &task.report;
        let facts = Facts {
            id: report.id,
            service: report.service,
            service_name: &report.service_name,
            slot: report.slot,
            node: Some(task.node),
            desired: desired(task),
        };
        wanted.accepts(&facts, || {
            is_up_to_date(task, view.services.get(&report.service))
        })
    });
    let mut tasks = reported
        .map(|task| TaskObject::reported(&view, task))
        .collect::<Result<Vec<_>, _>>()?;
    for pending in &view.pending {
        let Some(service) = view.services.get(&pending.service) else {
            continue;
        };
        let facts = Facts {
            id: pending_id(pending),
            service: service.id,
            service_name: &service.spec.name,
            slot: pending.slot,
            node: match pending.slot {
                Slot::Node(node) => Some(node),
                Slot::Number(_) => None,
            },
            desired: TaskState::Running,
        };
        if wanted.accepts(&facts, || true) {
            tasks.push(TaskObject::pending(service, pending)?);
        }
    }
    json(&tasks)
}

/// `GET /tasks/{id}`
pub(super) async fn inspect(
    State(handle): State<Handle>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let pending: BTreeMap<_, _> = view
        .pending
        .iter()
        .map(|pending| (pending_id(pending), pending))
        .collect();
    let ids = view.tasks.keys().chain(pending.keys()).copied();
    let id = lookup::task(ids, &id)?;
    if let Some(task) = view.tasks.get(&id) {
        return json(&TaskObject::reported(&view, task)?);
    }
    let slot = pending.get(&id);
    let service = slot.and_then(|slot| view.services.get(&slot.service));
    match (service, slot) {
        (Some(service), Some(slot)) => json(&TaskObject::pending(service, slot)?),
        _ => Err(ApiError::not_found("task", id)),
    }
}

/// What the filters look at.
struct Facts<'a> {
    id: TaskId,
    service: ServiceId,
    service_name: &'a str,
    slot: Slot,
    node: Option<NodeId>,
    desired: TaskState,
}

/// The filters, with names resolved.
struct Wanted<'a> {
    view: &'a ClusterView,
    filters: &'a Filters,
    services: Option<BTreeSet<ServiceId>>,
    nodes: Option<BTreeSet<NodeId>>,
    states: Option<BTreeSet<TaskState>>,
    up_to_date: Option<bool>,
}

impl<'a> Wanted<'a> {
    fn new(view: &'a ClusterView, filters: &'a Filters) -> Result<Self, ApiError> {
        Ok(Self {
            view,
            filters,
            services: resolve(filters, "service", |name| {
                lookup::service(view, name, Purpose::Read).map(|service| service.id)
            })?,
            nodes: resolve(filters, "node", |name| {
                lookup::node(view, name, Purpose::Read).map(|node| node.id)
            })?,
            states: resolve(filters, "desired-state", state)?,
            up_to_date: filters.flag("_up-to-date")?,
        })
    }

    fn accepts(&self, task: &Facts<'_>, is_up_to_date: impl FnOnce() -> bool) -> bool {
        let is_among = |nodes: &BTreeSet<_>| task.node.is_some_and(|node| nodes.contains(&node));
        self.services
            .as_ref()
            .is_none_or(|services| services.contains(&task.service))
            && self.nodes.as_ref().is_none_or(is_among)
            && self
                .states
                .as_ref()
                .is_none_or(|states| states.contains(&task.desired))
            && self
                .filters
                .any("id", |id| task.id.to_string().starts_with(id))
            && self
                .filters
                .any("name", |name| task_name(task).starts_with(name))
            && self
                .filters
                .any("runtime", |runtime| runtime == "container")
            && self.has_labels(task)
            && self
                .up_to_date
                .is_none_or(|wanted| wanted == is_up_to_date())
    }

    /// A task has its service's labels. Of a service that is removed only the stack is still known,
    /// by the name: `docker stack rm` waits for such tasks to end.
    fn has_labels(&self, task: &Facts<'_>) -> bool {
        if self.filters.values("label").is_none() {
            return true;
        }
        if let Some(service) = self.view.services.get(&task.service) {
            return self.filters.labels("label", &service.spec.labels);
        }
        let stack = task.service_name.split('_').next().unwrap_or_default();
        let labels = BTreeMap::from([(ServiceSpec::STACK_LABEL.to_owned(), stack.to_owned())]);
        task.service_name.contains('_') && self.filters.labels("label", &labels)
    }
}

fn task_name(task: &Facts<'_>) -> String {
    format!("{}.{}.{}", task.service_name, task.slot, task.id)
}

fn resolve<T: Ord>(
    filters: &Filters,
    key: &str,
    find: impl Fn(&str) -> Result<T, ApiError>,
) -> Result<Option<BTreeSet<T>>, ApiError> {
    let values = filters.values(key);
    values
        .map(|values| values.iter().map(|value| find(value)).collect())
        .transpose()
}

fn state(text: &str) -> Result<TaskState, ApiError> {
    STATES
        .into_iter()
        .find(|state| state.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| ApiError::DesiredState(text.to_owned()))
}
