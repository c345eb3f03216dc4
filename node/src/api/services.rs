//! `/services`: reading.

use axum::{extract::State, response::Response};
use shoal_scheduler::view::ServiceView;

use super::{
    body::json,
    error::ApiError,
    filters::Filters,
    handle::Handle,
    lookup::{self, Purpose},
    query::{Id, Parameters},
    service_object::{ServiceObject, running_tasks, status},
};

const FILTERS: [&str; 5] = ["id", "name", "label", "mode", "runtime"];

/// `GET /services`
pub(super) async fn list(
    State(handle): State<Handle>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let filters = Filters::read(&parameters, &FILTERS)?;
    let view = handle.view.borrow().clone();
    let with_status = parameters.flag("status");
    let running = with_status.then(|| running_tasks(&view));
    let with_defaults = parameters.flag("insertDefaults");
    let services = view
        .services
        .values()
        .filter(|service| matches(service, &filters))
        .map(|service| {
            let count = |running: &std::collections::BTreeMap<_, u64>| {
                status(service, running.get(&service.id).copied().unwrap_or(0))
            };
            let status = running.as_ref().map(count);
            ServiceObject::new(service, with_defaults, status, &handle.virtuals)
        })
        .collect::<Result<Vec<_>, _>>()?;
    json(&services)
}

fn matches(service: &ServiceView, filters: &Filters) -> bool {
    let spec = &service.spec;
    filters.any("name", |name| spec.name.starts_with(name))
        && filters.any("id", |id| service.id.to_string().starts_with(id))
        && filters.any("mode", |mode| mode == mode_of(service))
        && filters.any("runtime", |runtime| runtime == "container")
        && filters.labels("label", &spec.labels)
}

fn mode_of(service: &ServiceView) -> &'static str {
    let mode = &service.spec.mode;
    if mode.replicated_job.is_some() {
        "replicated-job"
    } else if mode.global_job.is_some() {
        "global-job"
    } else if mode.is_global() {
        "global"
    } else {
        "replicated"
    }
}

/// `GET /services/{id}`
pub(super) async fn inspect(
    State(handle): State<Handle>,
    Id(id): Id,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let service = lookup::service(&view, &id, Purpose::Read)?;
    let with_defaults = parameters.flag("insertDefaults");
    json(&ServiceObject::new(
        service,
        with_defaults,
        None,
        &handle.virtuals,
    )?)
}
