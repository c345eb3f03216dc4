//! A service in Docker's shape.

use std::collections::BTreeMap;

use bollard::models::{ObjectVersion, ServiceServiceStatus};
use serde::Serialize;
use serde_json::value::RawValue;
use shoal_scheduler::{
    spec::PortConfig,
    task::{NetworkId, ServiceId, TaskState},
    view::{ClusterView, Conflict, ServiceView, UpdateStatus},
};

use super::{date::rfc3339, spec_json};
use crate::balancer::virtuals::Virtuals;

/// Docker's `Service`, with the spec as it is stored.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ServiceObject<'a> {
    #[serde(rename = "ID")]
    id: ServiceId,
    version: ObjectVersion,
    created_at: String,
    updated_at: String,
    spec: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_spec: Option<Box<RawValue>>,
    endpoint: Endpoint<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_status: Option<UpdateStatusShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_status: Option<ServiceServiceStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_status: Option<JobStatusShown>,
    #[serde(rename = "Shoal", skip_serializing_if = "Option::is_none")]
    own: Option<Own>,
}

/// Docker's `JobStatus`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JobStatusShown {
    job_iteration: ObjectVersion,
    last_execution: String,
}

/// Docker's `UpdateStatus`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateStatusShown {
    state: &'static str,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<String>,
    message: String,
}

/// Docker's `Endpoint`: what came of the endpoint's spec.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint<'a> {
    spec: EndpointSpecShown<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ports: &'a [PortConfig],
    #[serde(rename = "VirtualIPs", skip_serializing_if = "Vec::is_empty")]
    virtual_ips: Vec<VirtualIp>,
}

/// An address that stands for all tasks of a service: on this machine, whose networks are its own.
#[derive(Serialize)]
struct VirtualIp {
    #[serde(rename = "NetworkID")]
    network_id: NetworkId,
    #[serde(rename = "Addr")]
    address: String,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EndpointSpecShown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ports: &'a [PortConfig],
}

/// What Docker has no word for.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Own {
    conflicts: Vec<ConflictShown>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConflictShown {
    author: String,
    written_at: String,
    removed: bool,
    spec: Option<Box<RawValue>>,
}

impl<'a> ServiceObject<'a> {
    pub(super) fn new(
        service: &'a ServiceView,
        with_defaults: bool,
        status: Option<ServiceServiceStatus>,
        virtuals: &Virtuals,
    ) -> serde_json::Result<Self> {
        let conflicts = &service.conflicts;
        Ok(Self {
            id: service.id,
            version: ObjectVersion {
                index: Some(service.version),
            },
            created_at: rfc3339(service.created_at),
            updated_at: rfc3339(service.updated_at),
            spec: spec_json::spec(service, with_defaults)?,
            previous_spec: service
                .previous_spec_json
                .as_deref()
                .and_then(spec_json::embed),
            endpoint: endpoint(service, virtuals),
            update_status: service.update.as_ref().map(UpdateStatusShown::from),
            service_status: status,
            job_status: service.job.map(|job| JobStatusShown {
                job_iteration: ObjectVersion {
                    index: Some(job.iteration),
                },
                last_execution: rfc3339(service.updated_at),
            }),
            own: (!conflicts.is_empty()).then(|| Own {
                conflicts: conflicts.iter().map(ConflictShown::from).collect(),
            }),
        })
    }
}

impl From<&UpdateStatus> for UpdateStatusShown {
    fn from(status: &UpdateStatus) -> Self {
        Self {
            state: status.stage.as_str(),
            started_at: rfc3339(status.started_at),
            completed_at: status.ended_at.map(rfc3339),
            message: status.message.clone(),
        }
    }
}

/// As on Swarm: a service without ports and networks has an endpoint with an empty spec.
fn endpoint<'a>(service: &'a ServiceView, virtuals: &Virtuals) -> Endpoint<'a> {
    let is_alone = service.spec.task_template.networks.is_empty();
    let spec = service.spec.endpoint_spec.as_ref();
    let spec = spec.filter(|spec| !is_alone || !spec.ports.is_empty());
    let virtual_ips = virtuals.of_service(service.id).into_iter();
    let virtual_ips = virtual_ips.map(|(network_id, address)| VirtualIp {
        network_id,
        address: address.to_string(),
    });
    Endpoint {
        spec: spec.map_or_else(EndpointSpecShown::default, |spec| EndpointSpecShown {
            mode: Some(spec.mode.as_str()).map(|mode| if mode.is_empty() { "vip" } else { mode }),
            ports: &spec.ports,
        }),
        ports: &service.ports,
        virtual_ips: virtual_ips.collect(),
    }
}

impl From<&Conflict> for ConflictShown {
    fn from(conflict: &Conflict) -> Self {
        Self {
            author: conflict.author.to_string(),
            written_at: rfc3339(conflict.written_at),
            removed: conflict.spec_json.is_none(),
            spec: conflict.spec_json.as_deref().and_then(spec_json::embed),
        }
    }
}

/// Tasks of each service that run: on a node that answers, and wanted.
pub(super) fn running_tasks(view: &ClusterView) -> BTreeMap<ServiceId, u64> {
    let mut running = BTreeMap::new();
    for task in view.tasks.values() {
        let report = &task.report;
        if task.node_is_alive
            && report.state == TaskState::Running
            && report.desired == TaskState::Running
        {
            *running.entry(report.service).or_default() += 1;
        }
    }
    running
}

/// Docker's `ServiceStatus`.
pub(super) fn status(service: &ServiceView, running: u64) -> ServiceServiceStatus {
    ServiceServiceStatus {
        running_tasks: Some(running),
        desired_tasks: Some(service.desired_tasks),
        completed_tasks: Some(service.job.map_or(0, |job| job.completed)),
    }
}
