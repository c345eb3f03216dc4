//! A small cluster by hand.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use shoal_membership::{ClusterId, NodeId};
use shoal_net::JoinToken;
use shoal_scheduler::{
    spec::Protocol,
    task::{NetworkId, ServiceId, Slot, TaskId, TaskPort, TaskReport, TaskState},
    view::{
        ClusterView, Conflict, NetworkView, NodeFacts, NodeStatus, NodeView, PendingSlot,
        ServiceView, TaskView,
    },
};

pub(super) const NOON: Duration = Duration::new(1_795_341_908, 88_310_550);
pub(super) const WEB: ServiceId = ServiceId(1 << 100);
pub(super) const EVERYWHERE: ServiceId = ServiceId(2 << 100);
pub(super) const WAITING: ServiceId = ServiceId(3 << 100);

pub(super) const NETWORK: NetworkId = NetworkId(4 << 100);

pub(super) fn node_id(number: u8) -> NodeId {
    NodeId::from_bytes([number; 16])
}

pub(super) fn service(id: ServiceId, spec_json: &str) -> ServiceView {
    let spec: shoal_scheduler::spec::ServiceSpec = serde_json::from_str(spec_json).unwrap();
    ServiceView {
        id,
        ports: spec.ports().to_vec(),
        spec: Arc::new(spec),
        spec_json: spec_json.into(),
        previous_spec_json: None,
        previous_template: None,
        update_id: 0,
        job: None,
        update: None,
        version: 7,
        template: 77,
        created_at: NOON,
        updated_at: NOON,
        desired_tasks: 2,
        conflicts: Vec::new(),
    }
}

pub(super) fn task(number: u128, service: &ServiceView, slot: Slot, node: u8) -> TaskView {
    TaskView {
        node: node_id(node),
        report: Arc::new(TaskReport {
            run: 0,
            id: TaskId(number << 100),
            service: service.id,
            service_name: service.spec.name.clone(),
            slot,
            template: service.template,
            update: 0,
            image: "busybox:latest".into(),
            desired: TaskState::Running,
            state: TaskState::Running,
            created_at: NOON,
            state_at: NOON,
            ran_at: None,
            message: "started".into(),
            error: String::new(),
            pid: Some(4711),
            exit_code: None,
            container: format!("c{number}"),
            generic: Vec::new(),
            ports: vec![TaskPort {
                target: 81,
                host: 8081,
                protocol: Protocol::Tcp,
            }],
        }),
        node_is_alive: true,
    }
}

fn node(number: u8, status: NodeStatus) -> NodeView {
    let mut spec = shoal_scheduler::spec::NodeSpec::default();
    if number == 1 {
        spec.labels.insert("rack".into(), "r1".into());
    }
    NodeView {
        id: node_id(number),
        key: shoal_membership::SecretKey::from_seed(&[number; 32]).public(),
        hostname: format!("host{number}"),
        spec,
        version: 5,
        status,
        addresses: vec![([10, 0, 0, number], 7900).into()],
        apart_from: Default::default(),
        facts: NodeFacts {
            hostname: format!("host{number}"),
            architecture: "amd64".into(),
            os: "linux".into(),
            nano_cpus: 2_000_000_000,
            memory_bytes: 1 << 32,
            runtimes: vec!["docker".into()],
            engine_version: "20.10.24".into(),
            engine_trouble: String::new(),
            engine_labels: BTreeMap::new(),
            generic_resources: Default::default(),
            plugins: vec!["Volume/local".into()],
            placement_version: 1,
        },
        port_troubles: Vec::new(),
        created_at: NOON,
        updated_at: NOON,
    }
}

/// Three nodes, the third one dead; a service with a task on each of two nodes, one global service,
/// and one that fits nowhere.
pub(super) fn sample_view() -> ClusterView {
    let recorded: Value = serde_json::from_str(include_str!("../testdata/recorded.json")).unwrap();
    let mut web = recorded["service_in_list"]["Spec"].clone();
    web["Name"] = json!("app_web");
    web["Labels"] = json!({ "com.docker.stack.namespace": "app", "app": "x" });
    web["SomethingNew"] = json!({ "Kept": [1, 2] });
    let mut web = service(WEB, &web.to_string());
    web.previous_spec_json = Some(web.spec_json.clone());
    web.conflicts.push(Conflict {
        author: node_id(3),
        written_at: NOON,
        spec_json: None,
    });
    let global = service(
        EVERYWHERE,
        r#"{"Name":"g","TaskTemplate":{"ContainerSpec":{"Image":"b"}},"Mode":{"Global":{}}}"#,
    );
    let waiting = service(
        WAITING,
        r#"{"Name":"waiting","TaskTemplate":{"ContainerSpec":{"Image":"b"}}}"#,
    );
    let mut dead = task(3, &global, Slot::Node(node_id(3)), 3);
    dead.node_is_alive = false;
    let tasks = [
        task(1, &web, Slot::Number(1), 1),
        task(2, &web, Slot::Number(2), 2),
        dead,
        task(4, &global, Slot::Node(node_id(1)), 1),
    ];
    let nodes = [
        node(1, NodeStatus::Ready),
        node(2, NodeStatus::Ready),
        node(3, NodeStatus::Down),
    ];
    ClusterView {
        cluster: ClusterId::from_bytes([9; 16]),
        created_at: NOON,
        this_node: node_id(1),
        nodes: nodes.into_iter().map(|node| (node.id, node)).collect(),
        services: [web, global, waiting]
            .into_iter()
            .map(|one| (one.id, one))
            .collect(),
        networks: [(NETWORK, network(NETWORK, "app_default"))].into(),
        spec: Default::default(),
        spec_version: 0,
        secrets: Default::default(),
        configs: Default::default(),
        tasks: tasks
            .into_iter()
            .map(|task| (task.report.id, task))
            .collect(),
        pending: vec![PendingSlot {
            service: WAITING,
            slot: Slot::Number(1),
            reason: "no suitable node (scheduling constraints not satisfied on 2 nodes)".into(),
        }],
        tokens: Vec::new(),
        desired_root: 0xabc,
        warnings: vec!["clocks are apart".into()],
    }
}

/// A network of the stack `app`.
pub(super) fn network(id: NetworkId, name: &str) -> NetworkView {
    let spec = json!({ "Name": name, "Driver": "overlay",
        "Labels": { "com.docker.stack.namespace": "app" } });
    NetworkView {
        id,
        spec: serde_json::from_value(spec).unwrap(),
        created_at: NOON,
    }
}

/// The join token that the agent makes here.
pub(super) fn join_token() -> JoinToken {
    JoinToken {
        cluster: sample_view().cluster,
        id: [7; 8],
        secret: [9; 32],
        pins: Vec::new(),
        addresses: Vec::new(),
    }
}
