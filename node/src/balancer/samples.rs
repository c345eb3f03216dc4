//! Services and clusters for tests.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use shoal_membership::{ClusterId, NodeId};
use shoal_scheduler::{
    spec::{NetworkSpec, ServiceSpec},
    task::{NetworkId, ServiceId},
    view::{ClusterView, NetworkView, ServiceView},
};

/// A service of this spec.
pub(crate) fn service(id: u128, spec: &str) -> ServiceView {
    let spec_json: Arc<str> = spec.into();
    let spec: ServiceSpec = serde_json::from_str(spec).unwrap();
    ServiceView {
        id: ServiceId(id),
        ports: spec.ports().to_vec(),
        spec: Arc::new(spec),
        spec_json,
        previous_spec_json: None,
        previous_template: None,
        update_id: 0,
        job: None,
        update: None,
        version: 1,
        template: 1,
        created_at: Duration::ZERO,
        updated_at: Duration::ZERO,
        desired_tasks: 2,
        conflicts: Vec::new(),
    }
}

/// A cluster with these services and no task, and a network of this name; this node is the first.
pub(crate) fn view(network: &str, services: &[ServiceView]) -> ClusterView {
    let id = NetworkId(1);
    let network = NetworkView {
        id,
        spec: NetworkSpec {
            name: network.into(),
            ..NetworkSpec::default()
        },
        created_at: Duration::ZERO,
    };
    let services = services.iter().cloned();
    ClusterView {
        cluster: ClusterId::from_bytes([0; 16]),
        created_at: Duration::ZERO,
        this_node: NodeId::from_bytes([1; 16]),
        nodes: BTreeMap::new(),
        services: services.map(|one| (one.id, one)).collect(),
        networks: [(id, network)].into(),
        spec: Default::default(),
        spec_version: 0,
        secrets: Default::default(),
        configs: Default::default(),
        tasks: BTreeMap::new(),
        pending: Vec::new(),
        tokens: Vec::new(),
        desired_root: 0,
        warnings: Vec::new(),
    }
}
