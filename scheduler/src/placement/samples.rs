//! Inputs for tests: hand-made ones, and any that proptest thinks of.

use std::sync::Arc;

use proptest::{collection::vec, option, prelude::*, sample::select};
use shoal_membership::NodeId;

use super::input::{Home, Input, LoadCaps, Node};
use crate::{
    spec::{
        Availability, EndpointSpec, Mode, Mount, PortConfig, Preference, PublishMode, ServiceSpec,
        SpreadOver,
    },
    task::{ServiceId, Slot},
    view::NodeFacts,
};

/// A node id that looks like one.
pub(super) fn node_id(number: u64) -> NodeId {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    NodeId::from_bytes(bytes)
}

/// A service id that looks like one.
pub(super) fn service_id(number: u64) -> ServiceId {
    ServiceId(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// An active node with an engine, four cores and 8 GiB.
pub(super) fn node(number: u64) -> Node {
    Node {
        hostname: format!("node-{number}"),
        facts: NodeFacts {
            architecture: "arm64".into(),
            os: "linux".into(),
            runtimes: vec!["docker".into()],
            nano_cpus: 4_000_000_000,
            memory_bytes: 8 << 30,
            ..NodeFacts::default()
        },
        ..Node::default()
    }
}

/// A service of this many replicas of an image, which asks for nothing else.
pub(super) fn service(replicas: u64) -> ServiceSpec {
    let mut spec = ServiceSpec {
        name: "web".into(),
        mode: Mode::replicas(replicas),
        ..ServiceSpec::default()
    };
    spec.task_template.container_spec.image = "nginx".into();
    spec
}

/// Equal nodes and services, numbered from 0.
pub(super) fn input(nodes: u64, services: impl IntoIterator<Item = ServiceSpec>) -> Input {
    Input {
        nodes: (0..nodes)
            .map(|number| (node_id(number), Arc::new(node(number))))
            .collect(),
        services: (0..)
            .zip(services)
            .map(|(number, spec)| (service_id(number), Arc::new(spec)))
            .collect(),
        ..Input::default()
    }
}

/// Changes one node of an input.
pub(super) fn change_node(input: &mut Input, number: u64, change: impl FnOnce(&mut Node)) {
    change(Arc::make_mut(
        input.nodes.get_mut(&node_id(number)).unwrap(),
    ));
}

/// Makes a service mount a local volume.
pub(super) fn with_volume(mut spec: ServiceSpec) -> ServiceSpec {
    spec.task_template.container_spec.mounts.push(Mount {
        source: "data".into(),
        target: "/data".into(),
        ..Mount::default()
    });
    spec
}

/// Makes a service publish port 80 on its nodes.
pub(super) fn with_host_port(mut spec: ServiceSpec) -> ServiceSpec {
    let port = PortConfig {
        target_port: 80,
        published_port: 80,
        publish_mode: PublishMode::Host,
        ..PortConfig::default()
    };
    spec.endpoint_spec = Some(EndpointSpec {
        ports: vec![port],
        ..EndpointSpec::default()
    });
    spec
}

/// The home of a slot on a node that is on the roster.
pub(super) fn home(number: u64) -> Home {
    Home {
        node: node_id(number),
        hostname: format!("node-{number}"),
        volume: "data".into(),
        on_roster: true,
    }
}

fn any_node() -> impl Strategy<Value = Node> {
    let labels = (
        option::weighted(0.6, select(vec!["a", "b", "c"])),
        option::weighted(0.3, select(vec!["0.5", "2", "2.5"])),
    );
    let availability = prop_oneof![
        8 => Just(Availability::Active),
        1 => Just(Availability::Pause),
        1 => Just(Availability::Drain),
    ];
    (labels, availability, 1..=8_i64, prop::bool::weighted(0.9)).prop_map(
        |((zone, weight), availability, cores, has_engine)| {
            let mut node = node(0);
            let labels = [("zone", zone), ("shoal.weight", weight)];
            for (name, value) in labels {
                node.labels
                    .extend(value.map(|value| (name.to_owned(), value.to_owned())));
            }
            node.availability = availability;
            node.facts.nano_cpus = cores * 1_000_000_000;
            if !has_engine {
                node.facts.runtimes = vec!["process".into()];
            }
            node
        },
    )
}

/// Any service; many of them ask for something.
pub(super) fn any_service() -> impl Strategy<Value = ServiceSpec> {
    let mode =
        prop_oneof![9 => (0..12_u64).prop_map(Mode::replicas), 1 => Just(Mode::everywhere())];
    let constraint = option::weighted(
        0.2,
        select(vec![
            "node.labels.zone==a",
            "node.labels.zone!=b",
            "node.colour==red",
        ]),
    );
    let spread = option::weighted(0.2, Just("node.labels.zone"));
    let wants = (
        option::weighted(0.3, 1..=3_i64),
        prop::bool::weighted(0.15),
        option::weighted(0.2, 1..=2_u64),
        prop::bool::weighted(0.3),
    );
    let priority = select(vec!["0", "0", "0", "5", "-3"]);
    (mode, constraint, spread, wants, priority).prop_map(
        |(mode, constraint, spread, (cores, has_port, max_replicas, has_data), priority)| {
            let mut spec = service(1);
            spec.mode = mode;
            spec.labels
                .insert(ServiceSpec::PRIORITY_LABEL.into(), priority.into());
            if has_port {
                spec = with_host_port(spec);
            }
            if has_data {
                spec = with_volume(spec);
            }
            let task = &mut spec.task_template;
            task.resources.reservations.nano_cpus = cores.unwrap_or(0) * 1_000_000_000;
            task.placement.constraints = constraint.map(str::to_owned).into_iter().collect();
            task.placement.max_replicas = max_replicas.unwrap_or(0);
            task.placement.preferences = spread
                .map(|label| Preference {
                    spread: SpreadOver {
                        spread_descriptor: label.into(),
                    },
                })
                .into_iter()
                .collect();
            spec
        },
    )
}

/// Any input of up to 40 nodes, with refusals, homes and paused nodes that keep slots.
pub(super) fn any_input() -> impl Strategy<Value = Input> {
    let pairs = || vec((0..10_u64, 1..12_u64, 0..45_u64, any::<bool>()), 0..8);
    let nodes = prop_oneof![vec(any_node(), 0..8), vec(any_node(), 15..40)];
    let services = vec(any_service(), 0..10);
    let load_caps = prop_oneof![4 => Just(LoadCaps::On), 1 => Just(LoadCaps::Off)];
    (nodes, services, pairs(), pairs(), pairs(), load_caps).prop_map(
        |(nodes, services, refusals, homes, keeps, load_caps)| {
            let mut built = input(0, services);
            built.load_caps = load_caps;
            built.nodes = (0..)
                .zip(nodes)
                .map(|(number, node)| (node_id(number), Arc::new(node)))
                .collect();
            let place = |service, slot, node, everywhere| {
                let node = node_id(node);
                let slot = if everywhere {
                    Slot::Node(node)
                } else {
                    Slot::Number(slot)
                };
                (service_id(service), slot, node)
            };
            for (service, slot, node, everywhere) in refusals {
                let key = place(service, slot, node, everywhere);
                built.refusals.insert(key, "no".into());
            }
            for (service, slot, node, everywhere) in keeps {
                built.keeps.insert(place(service, slot, node, everywhere));
            }
            for (service, slot, node, on_roster) in homes {
                let home = Home {
                    on_roster,
                    ..home(node)
                };
                let key = (service_id(service), Slot::Number(slot));
                built.homes.insert(key, home);
            }
            built
        },
    )
}
