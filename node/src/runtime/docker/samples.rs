//! What the tests start.

use std::{sync::Arc, time::Duration};

use shoal_membership::NodeId;
use shoal_scheduler::{
    spec::ServiceSpec,
    task::{ServiceId, Slot, TaskId},
};

use crate::runtime::Launch;

/// A task of service `web` with this container, in Docker's JSON.
pub(super) fn launch(container: &str) -> Launch {
    launch_of(&format!(
        r#"{{"Name":"web","TaskTemplate":{{"ContainerSpec":{container}}}}}"#
    ))
}

/// A task of this service.
pub(super) fn launch_of(spec: &str) -> Launch {
    let spec: ServiceSpec = serde_json::from_str(spec).unwrap();
    Launch {
        task: TaskId(7),
        service: ServiceId(2),
        service_name: spec.name.clone(),
        slot: Slot::Number(3),
        node: NodeId::from_bytes([3; 16]),
        node_name: "pi".into(),
        neighbours: Vec::new(),
        generic: Vec::new(),
        files: Default::default(),
        template: 4,
        run: 0,
        update: 5,
        created_at: Duration::from_secs(5),
        spec: Arc::new(spec),
    }
}
