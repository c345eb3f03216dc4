//! What nodes run: the shipped function, called as they call it. Rendezvous hashing with bounded loads (after
//! Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016, with caps on a ladder),
//! and with an even share of each service for each node.

use std::{collections::BTreeMap, sync::Arc};

use shoal_membership::NodeId;
use shoal_scheduler::{
    placement::{Input, LoadCaps, Node, Planner, Weight},
    spec::{Mode, ServiceSpec},
    task::{ServiceId, Slot},
    view::NodeFacts,
};

use super::{Cluster, Owners, Placer};

/// A planner that goes on from plan to plan, as a node's does; its history shows in its speed alone.
#[derive(Debug)]
pub(super) struct Bounded {
    planner: Planner,
    load_caps: LoadCaps,
}

impl Bounded {
    pub(super) fn new(load_caps: LoadCaps) -> Self {
        Self {
            planner: Planner::default(),
            load_caps,
        }
    }
}

impl Placer for Bounded {
    fn place(&mut self, cluster: &Cluster) -> Owners {
        let plan = self.planner.plan(input(cluster, self.load_caps));
        let owners = plan.iter().filter_map(|(service, slot, node)| match slot {
            Slot::Number(number) => Some(((service, number), node)),
            Slot::Node(_) => None,
        });
        owners.collect()
    }
}

/// The cluster as the shipped function takes it: nothing is reserved, and no node is refused anything.
pub(super) fn input(cluster: &Cluster, load_caps: LoadCaps) -> Input {
    Input {
        load_caps,
        nodes: cluster.nodes.iter().map(node).collect(),
        services: cluster.services.iter().map(service).collect(),
        ..Input::default()
    }
}

fn node((id, weight): (&NodeId, &Weight)) -> (NodeId, Arc<Node>) {
    let node = Node {
        hostname: id.to_string(),
        labels: BTreeMap::from([(Weight::LABEL.to_owned(), weight.to_string())]),
        facts: NodeFacts {
            runtimes: vec!["process".into()],
            ..NodeFacts::default()
        },
        ..Node::default()
    };
    (*id, Arc::new(node))
}

fn service((id, replicas): (&ServiceId, &u64)) -> (ServiceId, Arc<ServiceSpec>) {
    let mut spec = ServiceSpec {
        name: format!("s{:x}", id.0),
        mode: Mode::replicas(*replicas),
        ..ServiceSpec::default()
    };
    spec.task_template.container_spec.image = "scratch".into();
    (*id, Arc::new(spec))
}
