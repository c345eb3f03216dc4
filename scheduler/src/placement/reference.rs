//! Placement as the design tells it, word for word and slowly: every pair is written down, sorted and
//! walked over three times. A test holds the real one against it.

use std::{cmp::Reverse, collections::BTreeMap};

use shoal_membership::NodeId;

use super::{
    filter::Filter,
    input::{Input, LoadCaps, Node},
    rung::{load_cap, rung},
    score::score,
};
use crate::{
    spec::{Availability, DataPolicy, PublishMode, ServiceSpec},
    task::{ServiceId, Slot},
};

pub(super) type Owners = BTreeMap<(ServiceId, Slot), NodeId>;

pub(super) fn owners(input: &Input) -> Owners {
    let mut owners = Owners::new();
    let mut services: Vec<_> = input.services.iter().collect();
    services.sort_by_key(|(_, spec)| Reverse(spec.priority()));
    for (id, spec) in services.iter().filter(|(_, spec)| spec.mode.is_global()) {
        for (node_id, node) in &input.nodes {
            let slot = Slot::Node(*node_id);
            let qualifies = fits(spec, *node_id, node)
                && (is_active(node) || is_kept(input, **id, slot, *node_id, node));
            if qualifies && is_free(input, &owners, **id, slot, *node_id) {
                owners.insert((**id, slot), *node_id);
            }
        }
    }
    let pairs = pairs(input);
    for pass in 1..=3 {
        for (_, is_up, score, id, slot, node) in &pairs {
            let is_bound = score.0 == u64::MAX;
            if !owners.contains_key(&(*id, *slot))
                && is_free(input, &owners, *id, *slot, *node)
                && (is_bound || pass > 1 || is_below_load_cap(input, &owners, *node))
                && (is_bound
                    || pass > 2
                    || is_below_spread_caps(input, &owners, *id, *node, *is_up))
            {
                owners.insert((*id, *slot), *node);
            }
        }
    }
    owners
}

/// Whether shares are rounded up stands before the score.
type Pair = (Reverse<i32>, bool, Reverse<u64>, ServiceId, Slot, NodeId);

fn pairs(input: &Input) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (id, spec) in &input.services {
        for number in 1..=spec.mode.slots() {
            let slot = Slot::Number(number);
            let priority = Reverse(spec.priority());
            if let Some(bound) = bound(input, *id, spec, slot) {
                pairs.extend(
                    bound.map(|node| (priority, false, Reverse(u64::MAX), *id, slot, node)),
                );
                continue;
            }
            for node in qualifying(input, spec) {
                let score = score(*id, slot, node, input.nodes[&node].weight());
                for is_up in [false, true] {
                    pairs.push((priority, is_up, Reverse(score), *id, slot, node));
                }
            }
        }
    }
    pairs.sort();
    pairs
}

/// Some: the slot has no choice but this node, or none at all.
fn bound(input: &Input, id: ServiceId, spec: &ServiceSpec, slot: Slot) -> Option<Option<NodeId>> {
    let mounts = &spec.container().mounts;
    let home = input.homes.get(&(id, slot));
    let waits = spec.mode.slots() == 1 && spec.data_policy() == DataPolicy::Home;
    let kept_by = |node: &NodeId| {
        let found = input.nodes.get(node);
        found
            .is_some_and(|found| is_kept(input, id, slot, *node, found) && fits(spec, *node, found))
    };
    if let Some(home) = home.filter(|_| mounts.iter().any(|mount| mount.is_local_data())) {
        let is_ready = qualifying(input, spec).contains(&home.node) || kept_by(&home.node);
        let is_refused = input.refusals.contains_key(&(id, slot, home.node));
        if is_ready && (waits || !is_refused) {
            return Some(Some(home.node));
        }
        if !is_ready && waits && home.on_roster {
            return Some(None);
        }
    }
    input.nodes.keys().copied().find(kept_by).map(Some)
}

fn is_kept(input: &Input, id: ServiceId, slot: Slot, node_id: NodeId, node: &Node) -> bool {
    node.availability == Availability::Pause && input.keeps.contains(&(id, slot, node_id))
}

fn is_active(node: &Node) -> bool {
    node.availability == Availability::Active
}

fn fits(spec: &ServiceSpec, id: NodeId, node: &Node) -> bool {
    Filter::of(spec).compile().exclusion(id, node).is_none()
}

fn qualifying(input: &Input, spec: &ServiceSpec) -> Vec<NodeId> {
    let qualifies = |(id, node): (&NodeId, &std::sync::Arc<Node>)| {
        (is_active(node) && fits(spec, *id, node)).then_some(*id)
    };
    input.nodes.iter().filter_map(qualifies).collect()
}

fn is_free(input: &Input, owners: &Owners, id: ServiceId, slot: Slot, node: NodeId) -> bool {
    let spec = &input.services[&id];
    let here: Vec<&ServiceSpec> = owners
        .iter()
        .filter(|(_, owner)| **owner == node)
        .map(|((service, _), _)| &*input.services[service])
        .collect();
    let cores = |spec: &ServiceSpec| spec.task_template.resources.reservations.nano_cpus;
    let used: i64 = here.iter().map(|spec| cores(spec)).sum();
    let has_port = |spec: &ServiceSpec| {
        spec.ports()
            .iter()
            .any(|port| port.publish_mode == PublishMode::Host)
    };
    let limit = match spec.task_template.placement.max_replicas {
        0 => u64::MAX,
        limit => limit,
    };
    (cores(spec) == 0 || used + cores(spec) <= input.nodes[&node].facts.nano_cpus)
        && !(has_port(spec) && here.iter().any(|other| has_port(other)))
        && (spec.mode.is_global() || (replicas(owners, id, |owner| owner == node) as u64) < limit)
        && !input.refusals.contains_key(&(id, slot, node))
}

fn replicas(owners: &Owners, id: ServiceId, is_here: impl Fn(NodeId) -> bool) -> usize {
    owners
        .iter()
        .filter(|((service, _), owner)| *service == id && is_here(**owner))
        .count()
}

fn is_below_load_cap(input: &Input, owners: &Owners, node: NodeId) -> bool {
    if input.load_caps == LoadCaps::Off {
        return true;
    }
    let slots = input.services.values().map(|spec| spec.mode.slots()).sum();
    let active: Vec<_> = input
        .nodes
        .values()
        .filter(|node| is_active(node))
        .collect();
    let total = active
        .iter()
        .map(|node| u64::from(node.weight().thousandths()))
        .sum();
    let count = active.len() as u64;
    let weight = input.nodes[&node].weight();
    let cap = load_cap(rung(slots, count), weight, total, count);
    let is_counted = |((_, slot), owner): (&(ServiceId, Slot), &NodeId)| {
        *owner == node && matches!(slot, Slot::Number(_))
    };
    owners.iter().filter(|entry| is_counted(*entry)).count() < cap as usize
}

/// Here there is at most one level, over `node.labels.zone`.
fn is_below_spread_caps(
    input: &Input,
    owners: &Owners,
    id: ServiceId,
    node: NodeId,
    is_up: bool,
) -> bool {
    let share = |whole: usize, parts: usize| match is_up {
        true => whole.div_ceil(parts),
        false => (whole / parts).max(1),
    };
    let spec = &input.services[&id];
    let zone = |node: NodeId| input.nodes[&node].labels.get("zone").cloned();
    let nodes = qualifying(input, spec);
    let mut wanted = spec.mode.slots() as usize;
    let mut peers = nodes.len();
    if !spec.task_template.placement.preferences.is_empty() {
        let mut zones: Vec<_> = nodes.iter().map(|node| zone(*node)).collect();
        peers = zones.iter().filter(|other| **other == zone(node)).count();
        zones.sort();
        zones.dedup();
        wanted = share(wanted, zones.len());
        if replicas(owners, id, |owner| zone(owner) == zone(node)) >= wanted {
            return false;
        }
    }
    replicas(owners, id, |owner| owner == node) < share(wanted, peers)
}
