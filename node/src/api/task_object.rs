//! A task in Docker's shape: one that a node reports, or a slot that waits for a node.

use std::sync::Arc;

use bollard::models::{ContainerStatus, GenericResources, ObjectVersion};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use shoal_scheduler::{
    spec::{PortConfig, PublishMode},
    task::{ServiceId, Slot, TaskId, TaskReport, TaskState},
    view::{ClusterView, PendingSlot, ServiceView, TaskView, port_troubles},
};

use super::{date::rfc3339, generic, spec_json};

/// Docker's `Task`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TaskObject {
    #[serde(rename = "ID")]
    id: TaskId,
    version: ObjectVersion,
    created_at: String,
    updated_at: String,
    labels: std::collections::BTreeMap<String, String>,
    spec: Box<RawValue>,
    #[serde(rename = "ServiceID")]
    service_id: ServiceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_iteration: Option<ObjectVersion>,
    #[serde(rename = "NodeID", skip_serializing_if = "Option::is_none")]
    node_id: Option<String>,
    status: Status,
    desired_state: TaskState,
    #[serde(skip_serializing_if = "Option::is_none")]
    generic_resources: Option<GenericResources>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    timestamp: String,
    state: TaskState,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    err: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    container_status: Option<ContainerStatus>,
    port_status: Ports,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ports {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<PortConfig>,
}

/// Where a task is meant to go. Of a node that is gone nothing more is expected, as on Swarm.
pub(super) fn desired(task: &TaskView) -> TaskState {
    if task.node_is_alive {
        task.report.desired
    } else {
        TaskState::Shutdown
    }
}

/// Whether a task runs what its service asks for now.
pub(super) fn is_up_to_date(task: &TaskView, service: Option<&ServiceView>) -> bool {
    service.is_some_and(|service| service.is_current(&task.report))
}

/// The id that a slot without a task is shown under: the same as long as it waits.
pub(super) fn pending_id(pending: &PendingSlot) -> TaskId {
    let mut hash = blake3::Hasher::new_derive_key("shoal 2026 id of a pending slot");
    hash.update(&pending.service.0.to_be_bytes());
    match pending.slot {
        Slot::Number(number) => hash.update(&number.to_be_bytes()),
        Slot::Node(node) => hash.update(node.as_bytes()),
    };
    let mut id = [0; 16];
    hash.finalize_xof().fill(&mut id);
    TaskId(u128::from_be_bytes(id))
}

/// What went wrong; of a task that runs, which of its limits are not held, and on which ports of its
/// service its node can't listen: lists show this, and no messages.
fn trouble(error: &str, message: &str, ports: Vec<String>) -> String {
    if !error.is_empty() {
        return error.to_owned();
    }
    // The first part is the state's own word, what follows is remarks.
    let remarks = message.split("; ").skip(1);
    let limits = remarks.filter(|remark| remark.contains("limit"));
    let all: Vec<String> = limits.map(str::to_owned).chain(ports).collect();
    all.join("; ")
}

/// On which of its service's ports its node can't listen, as long as it runs. It is none of the task's
/// failings: other nodes bring clients to it.
fn closed_ports(view: &ClusterView, task: &TaskView) -> Vec<String> {
    let service = view.services.get(&task.report.service);
    let both = view.nodes.get(&task.node).zip(service);
    let is_wanted = task.report.desired == TaskState::Running;
    both.filter(|_| is_wanted && !task.report.state.is_terminal())
        .map(|(node, service)| port_troubles(node, service).collect())
        .unwrap_or_default()
}

impl TaskObject {
    /// A task that a node reports.
    pub(super) fn reported(view: &ClusterView, task: &TaskView) -> serde_json::Result<Self> {
        let report = &*task.report;
        let service = view
            .services
            .get(&report.service)
            .filter(|service| is_up_to_date(task, Some(service)));
        Ok(Self {
            id: report.id,
            version: index(report.state_at),
            created_at: rfc3339(report.created_at),
            updated_at: rfc3339(report.state_at),
            labels: Default::default(),
            spec: template(written(view, report), &report.image)?,
            service_id: report.service,
            slot: match report.run {
                0 => number(report.slot),
                // Swarm counts the runs of a job from 0.
                run => number(report.slot).map(|_| run - 1),
            },
            job_iteration: iteration(view, report),
            node_id: Some(task.node.to_string()),
            status: Status {
                timestamp: rfc3339(report.state_at),
                state: report.state,
                message: report.message.clone(),
                err: trouble(&report.error, &report.message, closed_ports(view, task)),
                container_status: container_status(report),
                port_status: Ports {
                    ports: host_ports(report, service),
                },
            },
            desired_state: match desired(task) {
                // A job's task is meant to come to its end.
                TaskState::Running if report.run > 0 => TaskState::Complete,
                _ if report.run > 0 && report.state == TaskState::Complete => TaskState::Complete,
                desired => desired,
            },
            generic_resources: generic::of_task(&report.generic),
        })
    }

    /// A slot that waits for a node.
    pub(super) fn pending(service: &ServiceView, slot: &PendingSlot) -> serde_json::Result<Self> {
        let since = rfc3339(service.updated_at);
        let node_id = match slot.slot {
            Slot::Node(node) => Some(node.to_string()),
            Slot::Number(_) => None,
        };
        Ok(Self {
            id: pending_id(slot),
            version: index(service.updated_at),
            created_at: since.clone(),
            updated_at: since.clone(),
            labels: Default::default(),
            spec: template(Some(&service.spec_json), &service.spec.container().image)?,
            service_id: service.id,
            slot: number(slot.slot),
            job_iteration: service.job.map(|job| ObjectVersion {
                index: Some(job.iteration),
            }),
            node_id,
            status: Status {
                timestamp: since,
                state: TaskState::Pending,
                message: "pending task scheduling".into(),
                err: slot.reason.clone(),
                container_status: None,
                port_status: Ports { ports: Vec::new() },
            },
            desired_state: TaskState::Running,
            generic_resources: None,
        })
    }
}

/// Tasks have no entry of their own in the registry: their version is the time of their state.
fn index(changed_at: std::time::Duration) -> ObjectVersion {
    ObjectVersion {
        index: Some(u64::try_from(changed_at.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// When its job was asked for: this time, or some time before.
fn iteration(view: &ClusterView, report: &TaskReport) -> Option<ObjectVersion> {
    let service = view.services.get(&report.service)?;
    let job = service.job?;
    let index = match service.is_current(report) {
        true => job.iteration,
        false => job.iteration.saturating_sub(1),
    };
    Some(ObjectVersion { index: Some(index) })
}

fn number(slot: Slot) -> Option<u64> {
    match slot {
        Slot::Number(number) => Some(number),
        Slot::Node(_) => None,
    }
}

/// The spec that a task was made of, while its service still has it: its own, or the one before.
fn written<'a>(view: &'a ClusterView, report: &TaskReport) -> Option<&'a Arc<str>> {
    let service = view.services.get(&report.service)?;
    if service.is_current(report) {
        return Some(&service.spec_json);
    }
    let is_former = service.previous_template == Some(report.template);
    service.previous_spec_json.as_ref().filter(|_| is_former)
}

/// A spec's template; of a task that runs one that nobody has any more, what is known of it: its image.
fn template(spec: Option<&Arc<str>>, image: &str) -> serde_json::Result<Box<RawValue>> {
    match spec.and_then(spec_json::template) {
        Some(template) => Ok(template),
        None => to_raw_value(&serde_json::json!({ "ContainerSpec": { "Image": image } })),
    }
}

fn container_status(report: &TaskReport) -> Option<ContainerStatus> {
    let has_any = !report.container.is_empty() || report.exit_code.is_some();
    has_any.then(|| ContainerStatus {
        container_id: Some(report.container.clone()),
        pid: Some(report.pid.map_or(0, i64::from)),
        exit_code: Some(report.exit_code.map_or(0, i64::from)),
    })
}

/// Only ports in host mode belong to a task; an ingress port is the service's.
fn host_ports(report: &TaskReport, service: Option<&ServiceView>) -> Vec<PortConfig> {
    let published = service.map_or(&[][..], |service| service.spec.ports());
    let host = published
        .iter()
        .filter(|port| port.publish_mode == PublishMode::Host);
    host.filter_map(|port| {
        let real = report.ports.iter().find(|real| {
            (real.target, real.protocol) == (port.target_port, port.protocol) && real.host != 0
        })?;
        Some(PortConfig {
            published_port: real.host,
            ..port.clone()
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_not_held_is_shown_where_people_look() {
        let remark = "memory limit: this node's kernel does not enforce it";
        let message = format!("started; networks: on the engine's bridge; {remark}");
        assert_eq!(trouble("", &message, Vec::new()), remark);
        assert_eq!(trouble("", "started", Vec::new()), "");
        assert_eq!(
            trouble("task: non-zero exit (1)", &message, Vec::new()),
            "task: non-zero exit (1)"
        );
    }
}
