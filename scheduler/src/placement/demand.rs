//! What a service asks of its nodes, worked out of its spec once.

use crate::spec::{DataPolicy, Protocol, PublishMode, ServiceSpec};

/// A port that only one task of a node can have.
pub(super) type HostPort = (Protocol, u16);

/// What a service asks of its nodes, its [`Filter`](super::filter::Filter) left aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) priority: i32,
    pub(super) is_global: bool,
    /// Number of replicated slots.
    pub(super) slots: u32,
    /// Billionths of a core reserved for each task.
    pub(super) nano_cpus: i64,
    /// Bytes reserved for each task.
    pub(super) memory_bytes: i64,
    /// Things reserved for each task, by kind.
    pub(super) generic: Vec<(String, u64)>,
    pub(super) host_ports: Vec<HostPort>,
    /// Most replicas on one node.
    pub(super) max_replicas: u32,
    /// Whether its tasks write to volumes that live on one node only.
    pub(super) has_data: bool,
    /// Whether it rather waits for its data than start without.
    pub(super) waits_for_data: bool,
}

impl Demand {
    pub(super) fn of(spec: &ServiceSpec) -> Self {
        let reserved = &spec.task_template.resources.reservations;
        let slots = u32::try_from(spec.mode.slots()).unwrap_or(u32::MAX);
        let max_replicas = match spec.task_template.placement.max_replicas {
            0 => u32::MAX,
            limit => u32::try_from(limit).unwrap_or(u32::MAX),
        };
        let mounts = &spec.container().mounts;
        Self {
            priority: spec.priority(),
            is_global: spec.mode.is_global(),
            slots: if spec.mode.is_global() { 0 } else { slots },
            nano_cpus: reserved.nano_cpus.max(0),
            memory_bytes: reserved.memory_bytes.max(0),
            generic: spec.task_template.resources.generic().into_iter().collect(),
            host_ports: host_ports(spec),
            max_replicas,
            has_data: mounts.iter().any(crate::spec::Mount::is_local_data),
            waits_for_data: slots == 1 && spec.data_policy() == DataPolicy::Home,
        }
    }
}

/// Ports that a task takes from its node. One that the node chooses (0) is in nobody's way.
fn host_ports(spec: &ServiceSpec) -> Vec<HostPort> {
    let mut ports: Vec<_> = spec
        .ports()
        .iter()
        .filter(|port| port.publish_mode == PublishMode::Host && port.published_port != 0)
        .map(|port| (port.protocol, port.published_port))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}
