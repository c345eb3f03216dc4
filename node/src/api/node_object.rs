//! A node in Docker's shape. All nodes are managers, and none of them leads.

use std::net::SocketAddr;

use bollard::models::{
    EngineDescription, EngineDescriptionPlugins, ManagerStatus, NodeDescription, NodeState,
    NodeStatus as DockerStatus, ObjectVersion, Platform, Reachability, ResourceObject,
};
use serde::Serialize;
use shoal_scheduler::{
    spec::{NodeSpec, Protocol},
    view::{NodeFacts, NodeStatus, NodeView},
};

use super::{date::rfc3339, generic};
use crate::architecture::kernel_word;

/// Docker's `Node`, with the spec as it is stored.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeObject<'a> {
    #[serde(rename = "ID")]
    id: String,
    version: ObjectVersion,
    created_at: String,
    updated_at: String,
    spec: NodeSpec,
    description: NodeDescription,
    status: DockerStatus,
    manager_status: ManagerStatus,
    #[serde(rename = "Shoal")]
    own: Own<'a>,
}

/// What Docker has no word for.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Own<'a> {
    addresses: &'a [SocketAddr],
    runtimes: &'a [String],
    /// Ids of living nodes that it can't reach.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    apart_from: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    port_troubles: Vec<PortTroubleShown<'a>>,
}

/// A published port on which the node can't listen.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PortTroubleShown<'a> {
    published_port: u16,
    protocol: Protocol,
    error: &'a str,
}

impl<'a> From<&'a NodeView> for NodeObject<'a> {
    fn from(node: &'a NodeView) -> Self {
        let address = node.addresses.first();
        Self {
            id: node.id.to_string(),
            version: ObjectVersion {
                index: Some(node.version),
            },
            created_at: rfc3339(node.created_at),
            updated_at: rfc3339(node.updated_at),
            spec: NodeSpec {
                role: "manager".into(),
                ..node.spec.clone()
            },
            description: description(node),
            status: status(node.status, address),
            manager_status: ManagerStatus {
                leader: None,
                reachability: Some(reachability(node.status)),
                addr: Some(address.map(ToString::to_string).unwrap_or_default()),
            },
            own: Own {
                addresses: &node.addresses,
                runtimes: &node.facts.runtimes,
                apart_from: node.apart_from.iter().map(ToString::to_string).collect(),
                port_troubles: port_troubles(node),
            },
        }
    }
}

fn port_troubles(node: &NodeView) -> Vec<PortTroubleShown<'_>> {
    let troubles = node.port_troubles.iter();
    let shown = troubles.map(|trouble| PortTroubleShown {
        published_port: trouble.port,
        protocol: trouble.protocol,
        error: &trouble.words,
    });
    shown.collect()
}

fn description(node: &NodeView) -> NodeDescription {
    let facts: &NodeFacts = &node.facts;
    let labels = facts.engine_labels.clone();
    NodeDescription {
        hostname: Some(node.hostname.clone()),
        platform: Some(Platform {
            architecture: Some(kernel_word(&facts.architecture).to_owned()),
            os: Some(facts.os.clone()),
        }),
        resources: Some(ResourceObject {
            nano_cpus: Some(facts.nano_cpus),
            memory_bytes: Some(facts.memory_bytes),
            generic_resources: generic::of_machine(&facts.generic_resources),
        }),
        engine: Some(EngineDescription {
            engine_version: Some(facts.engine_version.clone()),
            labels: (!labels.is_empty()).then(|| labels.into_iter().collect()),
            plugins: plugins(facts),
        }),
        tls_info: None,
    }
}

/// Docker's list of plugins. None: the engine did not say, or there is none.
fn plugins(facts: &NodeFacts) -> Option<Vec<EngineDescriptionPlugins>> {
    let named = facts.plugins.iter().filter_map(|plugin| {
        let (kind, name) = plugin.split_once('/')?;
        Some(EngineDescriptionPlugins {
            typ: Some(kind.to_owned()),
            name: Some(name.to_owned()),
        })
    });
    (!facts.plugins.is_empty()).then(|| named.collect())
}

fn status(status: NodeStatus, address: Option<&SocketAddr>) -> DockerStatus {
    let (state, message) = match status {
        NodeStatus::Ready => (NodeState::READY, None),
        NodeStatus::Down => (NodeState::DOWN, Some("it does not answer")),
        NodeStatus::Away => (
            NodeState::DISCONNECTED,
            Some("it said that it will be back"),
        ),
        NodeStatus::Unknown => (NodeState::UNKNOWN, Some("not heard of yet")),
    };
    DockerStatus {
        state: Some(state),
        message: message.map(str::to_owned),
        addr: Some(
            address
                .map(|address| address.ip().to_string())
                .unwrap_or_default(),
        ),
    }
}

fn reachability(status: NodeStatus) -> Reachability {
    match status {
        NodeStatus::Ready => Reachability::REACHABLE,
        NodeStatus::Down | NodeStatus::Away => Reachability::UNREACHABLE,
        NodeStatus::Unknown => Reachability::UNKNOWN,
    }
}
