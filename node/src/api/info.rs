//! `/info`: this node and its cluster, as far as `docker info` and `docker node ls` look.

use axum::{extract::State, response::Response};
use bollard::models::{
    ClusterInfo, LocalNodeState, ObjectVersion, PeerNode, SwarmInfo, SwarmSpec, SwarmSpecCaConfig,
    SwarmSpecDispatcher, SwarmSpecEncryptionConfig, SwarmSpecOrchestration, SwarmSpecRaft,
    SystemInfo,
};
use shoal_scheduler::{
    task::TaskState,
    view::{ClusterView, NodeFacts, NodeView},
};

use super::{
    body::json,
    date::rfc3339,
    error::ApiError,
    handle::{Handle, NodeState},
};
use crate::architecture::kernel_word;

/// Managers that are listed; clients only show them.
const MANAGERS_SHOWN_MAX: usize = 50;

/// `GET /info`
pub(super) async fn info(State(handle): State<Handle>) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let identity = &handle.identity;
    let unknown = NodeFacts::default();
    let this = view.nodes.get(&view.this_node);
    let facts = this.map_or(&unknown, |node| &node.facts);
    let (running, stopped) = local_tasks(&view);
    let own = SystemInfo {
        id: Some(view.this_node.to_string()),
        containers: Some(running + stopped),
        containers_running: Some(running),
        containers_paused: Some(0),
        containers_stopped: Some(stopped),
        images: Some(0),
        driver: Some(facts.runtimes.first().cloned().unwrap_or_default()),
        docker_root_dir: Some(identity.data_dir.display().to_string()),
        system_time: Some(jiff::Timestamp::now().to_string()),
        kernel_version: Some(identity.kernel_version.clone()),
        operating_system: Some(identity.operating_system.clone()),
        os_type: Some("linux".into()),
        architecture: Some(kernel_word(&facts.architecture).to_owned()),
        ncpu: Some(facts.nano_cpus / 1_000_000_000),
        mem_total: Some(facts.memory_bytes),
        name: Some(identity.hostname.clone()),
        labels: Some(Vec::new()),
        experimental_build: Some(false),
        server_version: Some(identity.version.clone()),
        swarm: Some(swarm(&view, this, *handle.state.borrow())),
        live_restore_enabled: Some(true),
        warnings: Some(view.warnings.clone()),
        ..SystemInfo::default()
    };
    match handle.engine.info().await {
        Some(engine) => json(&merged(own, engine)),
        None => json(&own),
    }
}

const BESIDE_A_SWARM: &str =
    "the engine is a node of a Docker Swarm, too: its tasks are left alone";

/// What the engine says of itself, as a node of this cluster.
fn merged(own: SystemInfo, engine: SystemInfo) -> SystemInfo {
    let swarm = engine.swarm.as_ref();
    let state = swarm.and_then(|swarm| swarm.local_node_state);
    let is_in_a_swarm = !matches!(
        state,
        None | Some(LocalNodeState::EMPTY | LocalNodeState::INACTIVE)
    );
    let beside = is_in_a_swarm.then(|| BESIDE_A_SWARM.to_owned());
    let warnings = engine.warnings.iter().flatten().chain(&beside);
    let warnings = own.warnings.iter().flatten().chain(warnings);
    SystemInfo {
        name: own.name,
        swarm: own.swarm,
        warnings: Some(warnings.cloned().collect()),
        ..engine
    }
}

/// Tasks of this node that run, and that have ended.
fn local_tasks(view: &ClusterView) -> (i64, i64) {
    let local = view
        .tasks
        .values()
        .filter(|task| task.node == view.this_node);
    local.fold((0, 0), |(running, stopped), task| match task.report.state {
        TaskState::Starting | TaskState::Running => (running + 1, stopped),
        state if state.is_terminal() => (running, stopped + 1),
        _ => (running, stopped),
    })
}

fn swarm(view: &ClusterView, this: Option<&NodeView>, state: NodeState) -> SwarmInfo {
    if state == NodeState::Inactive {
        return SwarmInfo {
            node_id: Some(String::new()),
            node_addr: Some(String::new()),
            local_node_state: Some(LocalNodeState::INACTIVE),
            control_available: Some(false),
            error: Some(String::new()),
            ..SwarmInfo::default()
        };
    }
    let local = match state {
        NodeState::Active => LocalNodeState::ACTIVE,
        NodeState::Pending | NodeState::Inactive => LocalNodeState::PENDING,
    };
    let address = this.and_then(|node| node.addresses.first());
    let count = i64::try_from(view.nodes.len()).unwrap_or(i64::MAX);
    SwarmInfo {
        node_id: Some(view.this_node.to_string()),
        node_addr: Some(
            address
                .map(|address| address.ip().to_string())
                .unwrap_or_default(),
        ),
        local_node_state: Some(local),
        control_available: Some(true),
        error: Some(String::new()),
        remote_managers: Some(
            view.nodes
                .values()
                .take(MANAGERS_SHOWN_MAX)
                .map(peer)
                .collect(),
        ),
        nodes: Some(count),
        managers: Some(count),
        cluster: Some(cluster(view)),
    }
}

/// The cluster, in Docker's shape.
pub(super) fn cluster(view: &ClusterView) -> ClusterInfo {
    ClusterInfo {
        id: Some(view.cluster.to_string()),
        version: Some(ObjectVersion {
            index: Some(view.spec_version),
        }),
        created_at: Some(rfc3339(view.created_at)),
        updated_at: Some(rfc3339(view.created_at)),
        spec: Some(spec(view)),
        tls_info: None,
        root_rotation_in_progress: Some(false),
        data_path_port: Some(0),
        default_addr_pool: None,
        subnet_size: Some(0),
    }
}

fn peer(node: &NodeView) -> PeerNode {
    PeerNode {
        node_id: Some(node.id.to_string()),
        addr: Some(
            node.addresses
                .first()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ),
    }
}

/// There is no Raft, no dispatcher and no CA: clients print these all the same.
fn spec(view: &ClusterView) -> SwarmSpec {
    SwarmSpec {
        name: Some("default".into()),
        labels: Some(view.spec.labels.clone().into_iter().collect()),
        orchestration: Some(SwarmSpecOrchestration {
            task_history_retention_limit: i64::try_from(view.spec.task_history()).ok(),
        }),
        raft: Some(SwarmSpecRaft {
            snapshot_interval: Some(0),
            keep_old_snapshots: Some(0),
            log_entries_for_slow_followers: Some(0),
            election_tick: Some(0),
            heartbeat_tick: Some(0),
        }),
        dispatcher: Some(SwarmSpecDispatcher {
            heartbeat_period: Some(0),
        }),
        ca_config: Some(SwarmSpecCaConfig {
            node_cert_expiry: Some(0),
            ..SwarmSpecCaConfig::default()
        }),
        encryption_config: Some(SwarmSpecEncryptionConfig {
            auto_lock_managers: Some(false),
        }),
        task_defaults: Some(Default::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_shown_as_it_is_but_for_whose_node_it_is() {
        let own = SystemInfo {
            name: Some("pi".into()),
            warnings: Some(vec!["clocks are apart".into()]),
            swarm: Some(SwarmInfo {
                node_id: Some("n".into()),
                ..SwarmInfo::default()
            }),
            images: Some(0),
            ..SystemInfo::default()
        };
        let engine = SystemInfo {
            name: Some("other".into()),
            images: Some(7),
            warnings: Some(vec!["no swap limit".into()]),
            swarm: Some(SwarmInfo::default()),
            ..SystemInfo::default()
        };
        let shown = merged(own, engine);
        assert_eq!((shown.name.as_deref(), shown.images), (Some("pi"), Some(7)));
        assert_eq!(shown.swarm.unwrap().node_id.as_deref(), Some("n"));
        assert_eq!(
            shown.warnings.unwrap(),
            ["clocks are apart", "no swap limit"]
        );
    }
}
