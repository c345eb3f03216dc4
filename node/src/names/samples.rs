//! A small cluster for tests: two services on one network, a third on none.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use shoal_membership::NodeId;
use shoal_scheduler::{
    task::{NetworkId, ServiceId, Slot, TaskId, TaskReport, TaskState},
    view::{ClusterView, TaskView},
};
use tokio::sync::watch;

use super::Names;
use crate::{
    balancer::{
        samples::{self, service},
        virtuals::Virtuals,
    },
    runtime::docker::{LocalNetwork, LocalNetworks, Range, Range6},
};

pub(super) const NETWORK: NetworkId = NetworkId(1);
/// The one task that runs here; all others run on another node.
pub(super) const HERE: TaskId = TaskId(101);
pub(super) const HERE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
pub(super) const HERE_ADDRESS6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9);

fn task(id: u128, service: u128, slot: u64, node: u8) -> TaskView {
    TaskView {
        node: NodeId::from_bytes([node; 16]),
        node_is_alive: true,
        report: Arc::new(TaskReport {
            run: 0,
            id: TaskId(id),
            service: ServiceId(service),
            service_name: String::new(),
            slot: Slot::Number(slot),
            template: 1,
            update: 0,
            image: String::new(),
            desired: TaskState::Running,
            state: TaskState::Running,
            created_at: Duration::ZERO,
            state_at: Duration::ZERO,
            ran_at: None,
            message: String::new(),
            error: String::new(),
            pid: None,
            exit_code: None,
            container: "c".into(),
            generic: Vec::new(),
            ports: Vec::new(),
        }),
    }
}

/// `app_web`, alias `web`, with a task here and one elsewhere; `app_dns`, round robin, with one elsewhere;
/// `lonely`, on no network.
pub(super) fn view() -> ClusterView {
    let services = [
        service(
            10,
            r#"{"Name":"app_web","TaskTemplate":{"Networks":[{"Target":"back","Aliases":["web"]}]}}"#,
        ),
        service(
            20,
            r#"{"Name":"app_dns","TaskTemplate":{"Networks":[{"Target":"back"}]},"EndpointSpec":{"Mode":"dnsrr"}}"#,
        ),
        service(30, r#"{"Name":"lonely"}"#),
    ];
    let tasks = [
        task(HERE.0, 10, 1, 1),
        task(102, 10, 2, 2),
        task(201, 20, 1, 2),
        task(301, 30, 1, 2),
    ];
    ClusterView {
        tasks: tasks.into_iter().map(|one| (one.report.id, one)).collect(),
        ..samples::view("back", &services)
    }
}

/// The network on this node: virtual addresses from 10.0.8.0 on.
pub(super) fn local() -> LocalNetworks {
    let network = LocalNetwork {
        id: NETWORK,
        name: "back".into(),
        engine_id: "0123".into(),
        bridge: "sh0".into(),
        range: Range {
            subnet: "10.0.0.0/20".parse().unwrap(),
            gateway: [10, 0, 0, 1].into(),
        },
        range6: Some(Range6 {
            subnet: "fd00::/64".parse().unwrap(),
            gateway: "fd00::1".parse().unwrap(),
        }),
    };
    LocalNetworks {
        lives: 1,
        networks: [(NETWORK, network)].into(),
        tasks: [(HERE, [(NETWORK, HERE_ADDRESS)].into())].into(),
        tasks6: [(HERE, [(NETWORK, HERE_ADDRESS6)].into())].into(),
        ..LocalNetworks::default()
    }
}

/// A server of all that.
pub(super) fn names() -> Names {
    let (local, view, virtuals) = (local(), view(), Virtuals::default());
    virtuals.update(&local, &view);
    Names {
        networks: watch::channel(Arc::new(local)).1,
        view: watch::channel(Arc::new(view)).1,
        virtuals,
    }
}
