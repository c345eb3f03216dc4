//! Who was given what so far, and what each node still has room for.
//!
//! Room only ever shrinks during a walk: a node that refuses a slot once refuses it for the rest of
//! that pass. The walk rests on it, and so does the explaining afterwards.

use std::collections::BTreeSet;

use super::{
    demand::{Demand, HostPort},
    filter::Exclusion,
    input::LoadCaps,
    nodes::{NO_NODE, NodeTable},
    planner::Prepared,
    spread::{Share, SpreadCaps},
};
use crate::generic::Stocks;

/// A service with at most this many slots is counted by looking at their owners.
const SMALL_SERVICE: usize = 64;

/// Which caps hold. Each pass is for what the one before left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pass {
    /// All.
    AllCaps,
    /// All but the load caps.
    NoLoadCap,
    /// Neither load caps nor spread caps.
    NoSpreadCap,
}

impl Pass {
    pub(super) const ALL: [Self; 3] = [Self::AllCaps, Self::NoLoadCap, Self::NoSpreadCap];
}

/// What a node still has.
#[derive(Clone, Debug, Default)]
struct Room {
    load: u32,
    load_cap: u32,
    nano_cpus: i64,
    memory_bytes: i64,
    /// Its generic resources, by kind.
    generic: Vec<(String, u64)>,
    host_ports: Vec<HostPort>,
}

impl Room {
    fn lacks_generic(&self, wanted: &[(String, u64)]) -> bool {
        let free = |kind: &str| {
            let known = self.generic.iter().find(|(known, _)| known == kind);
            known.map_or(0, |(_, free)| *free)
        };
        wanted.iter().any(|(kind, count)| *count > free(kind))
    }
}

/// How many things of each kind a machine has.
fn generic(stocks: &Stocks) -> Vec<(String, u64)> {
    let counted = stocks.iter();
    counted
        .map(|(kind, stock)| (kind.clone(), stock.count()))
        .collect()
}

/// What a service has got.
#[derive(Clone, Debug, Default)]
struct Tally {
    first_slot: usize,
    end_slot: usize,
    /// Replicas by node; empty for a small service.
    by_node: Vec<u32>,
    /// With shares rounded down.
    caps_down: SpreadCaps,
    /// With shares rounded up.
    caps_up: SpreadCaps,
    /// Replicas by branch; empty where the root is the only one.
    by_branch: Vec<u32>,
}

impl Tally {
    fn caps(&self, share: Share) -> &SpreadCaps {
        match share {
            Share::Down => &self.caps_down,
            Share::Up => &self.caps_up,
        }
    }
}

/// The state of a walk. Slots of all services are numbered in the order of (service id, slot).
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    pub(super) services: &'a [Prepared],
    pub(super) rung: u64,
    rooms: Vec<Room>,
    tallies: Vec<Tally>,
    owners: Vec<u32>,
    /// (slot, node) pairs that the node refused.
    refused: BTreeSet<(u32, u32)>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(services: &'a [Prepared], table: &NodeTable, caps: LoadCaps) -> Self {
        let mut first_slot = 0;
        let mut tallies = Vec::with_capacity(services.len());
        for service in services {
            let slots = service.lists.len();
            let is_small = slots <= SMALL_SERVICE;
            let tree = &service.field.tree;
            let caps_up = tree.caps(slots as u32, Share::Up);
            let branches_counted = if tree.has_levels() {
                caps_up.branches.len()
            } else {
                0
            };
            tallies.push(Tally {
                first_slot,
                end_slot: first_slot + slots,
                by_node: vec![0; if is_small { 0 } else { table.entries.len() }],
                by_branch: vec![0; branches_counted],
                caps_down: tree.caps(slots as u32, Share::Down),
                caps_up,
            });
            first_slot += slots;
        }
        let (rung, caps) = table.load_caps(first_slot as u64, caps);
        let room = |(entry, load_cap): (&super::nodes::NodeEntry, u32)| Room {
            load: 0,
            load_cap,
            nano_cpus: entry.node.facts.nano_cpus,
            memory_bytes: entry.node.facts.memory_bytes,
            generic: generic(&entry.node.facts.generic_resources),
            host_ports: Vec::new(),
        };
        Self {
            services,
            rung,
            rooms: table.entries.iter().zip(caps).map(room).collect(),
            tallies,
            owners: vec![NO_NODE; first_slot],
            refused: BTreeSet::new(),
        }
    }

    /// Notes that a node refused a slot.
    pub(super) fn refuse(&mut self, slot: u32, node: u32) {
        self.refused.insert((slot, node));
    }

    /// Whether any node refused this slot.
    pub(super) fn is_refused_anywhere(&self, slot: u32) -> bool {
        let of_slot = (slot, 0)..=(slot, NO_NODE);
        !self.refused.is_empty() && self.refused.range(of_slot).next().is_some()
    }

    /// Numbers of the slots of a service.
    pub(super) fn slots_of(&self, service: usize) -> std::ops::Range<usize> {
        self.tallies
            .get(service)
            .map_or(0..0, |tally| tally.first_slot..tally.end_slot)
    }

    /// Owner of each slot, or [`NO_NODE`].
    pub(super) fn owners(&self) -> &[u32] {
        &self.owners
    }

    /// Replicated slots on this node, and the most that it should have.
    pub(super) fn load(&self, node: u32) -> (u32, u32) {
        self.rooms
            .get(node as usize)
            .map_or((0, 0), |room| (room.load, room.load_cap))
    }

    /// Whether rounding up gives a service anything that rounding down did not.
    pub(super) fn gains_by_rounding(&self, pass: Pass, service: usize) -> bool {
        let tally = &self.tallies[service];
        pass != Pass::NoSpreadCap && tally.caps_down != tally.caps_up
    }

    /// Whether this node takes this slot in this pass, with this share.
    pub(super) fn accepts(
        &self,
        pass: Pass,
        share: Share,
        service: usize,
        slot: u32,
        node: u32,
    ) -> bool {
        self.cap_reached(pass, share, service, node).is_none()
            && self.obstacle(service, slot, node).is_none()
    }

    /// The cap of this pass that keeps a replica of this service off this node.
    pub(super) fn cap_reached(
        &self,
        pass: Pass,
        share: Share,
        service: usize,
        node: u32,
    ) -> Option<Exclusion> {
        if pass == Pass::NoSpreadCap {
            return None;
        }
        if self.has_its_share(share, service, node) {
            return Some(Exclusion::Spread);
        }
        let room = &self.rooms[node as usize];
        (pass == Pass::AllCaps && room.load >= room.load_cap).then_some(Exclusion::Load)
    }

    /// Whether a node, or a branch that it is in, has its share of a service.
    fn has_its_share(&self, share: Share, service: usize, node: u32) -> bool {
        let tally = &self.tallies[service];
        let (caps, tree) = (tally.caps(share), &self.services[service].field.tree);
        let leaf = tree.leaf_of(node);
        let is_full = self.replicas(service, node) >= caps.nodes[leaf as usize];
        if is_full || tally.by_branch.is_empty() {
            return is_full;
        }
        let above = std::iter::successors(Some(leaf), |branch| tree.parent(*branch));
        above
            .map(|branch| branch as usize)
            .any(|branch| tally.by_branch[branch] >= caps.branches[branch])
    }

    /// What keeps this slot off this node in every pass, in Swarm's order.
    pub(super) fn obstacle(&self, service: usize, slot: u32, node: u32) -> Option<Exclusion> {
        let demand = &self.services[service].demand;
        self.full(demand, node).or_else(|| {
            let limit = demand.max_replicas;
            if limit != u32::MAX && self.replicas(service, node) >= limit {
                return Some(Exclusion::MaxReplicas);
            }
            (!self.refused.is_empty() && self.refused.contains(&(slot, node)))
                .then_some(Exclusion::Refusal)
        })
    }

    /// What of this demand the node has no room for.
    pub(super) fn full(&self, demand: &Demand, node: u32) -> Option<Exclusion> {
        let room = &self.rooms[node as usize];
        let lacks = |wanted: i64, free: i64| wanted > 0 && wanted > free;
        if lacks(demand.nano_cpus, room.nano_cpus)
            || lacks(demand.memory_bytes, room.memory_bytes)
            || room.lacks_generic(&demand.generic)
        {
            return Some(Exclusion::Resources);
        }
        let taken = |port: &HostPort| room.host_ports.contains(port);
        let is_taken = !demand.host_ports.is_empty() && demand.host_ports.iter().any(taken);
        is_taken.then_some(Exclusion::HostPort)
    }

    /// Gives a replicated slot to a node.
    pub(super) fn give(&mut self, service: usize, slot: u32, node: u32) {
        let tree = &self.services[service].field.tree;
        let tally = &mut self.tallies[service];
        self.owners[slot as usize] = node;
        if let Some(count) = tally.by_node.get_mut(node as usize) {
            *count += 1;
        }
        let mut branch = Some(tree.leaf_of(node)).filter(|_| !tally.by_branch.is_empty());
        while let Some(index) = branch {
            tally.by_branch[index as usize] += 1;
            branch = tree.parent(index);
        }
        self.rooms[node as usize].load += 1;
        self.reserve(service, node);
    }

    /// Takes what a task of this service needs from a node's room.
    pub(super) fn reserve(&mut self, service: usize, node: u32) {
        let demand = &self.services[service].demand;
        let room = &mut self.rooms[node as usize];
        room.nano_cpus = room.nano_cpus.saturating_sub(demand.nano_cpus);
        room.memory_bytes = room.memory_bytes.saturating_sub(demand.memory_bytes);
        for (kind, wanted) in &demand.generic {
            if let Some((_, free)) = room.generic.iter_mut().find(|(known, _)| known == kind) {
                *free = free.saturating_sub(*wanted);
            }
        }
        room.host_ports.extend_from_slice(&demand.host_ports);
    }

    /// Replicas of this service on this node.
    pub(super) fn replicas(&self, service: usize, node: u32) -> u32 {
        let tally = &self.tallies[service];
        if let Some(count) = tally.by_node.get(node as usize) {
            return *count;
        }
        let owners = &self.owners[tally.first_slot..tally.end_slot];
        owners.iter().filter(|owner| **owner == node).count() as u32
    }
}
