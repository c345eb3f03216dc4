//! Why a slot is where it is: what `shoal why` shows.

use serde::Serialize;
use shoal_membership::NodeId;

use super::{
    binding::{Binding, find_slot},
    filter::{Exclusion, availability_exclusion},
    input::Input,
    ledger::{Ledger, Pass},
    nodes::{NO_NODE, NodeEntry, NodeTable},
    plan::Plan,
    planner::{Planner, Prepared},
    reason,
    score::{pair_hash, score_of},
    spread::Share,
};
use crate::{
    spec::Availability,
    task::{ServiceId, Slot},
};

/// Why a slot is where it is. Node ids as Docker shows ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The service.
    pub service: ServiceId,
    /// Its name.
    pub service_name: String,
    /// Its slot: a number, or a node's id.
    pub slot: String,
    /// Higher ones choose first.
    pub priority: i32,
    /// The node that owns it.
    pub owner: Option<String>,
    /// The node that would own it if the owner died now.
    pub next: Option<String>,
    /// Why nobody owns it.
    pub pending: Option<String>,
    /// Why it has no choice: its data, or a paused node that keeps it.
    pub bound: Option<String>,
    /// Most replicated slots on a node of mean weight, as long as there is room elsewhere.
    pub rung: u64,
    /// All nodes, the best-ranked first; those that do not qualify come last.
    pub nodes: Vec<NodeExplanation>,
}

/// What a node is to a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeExplanation {
    /// Its id.
    pub node: String,
    /// Its name for people.
    pub hostname: String,
    /// 1 for the best score among the nodes that qualify. None: it does not qualify.
    pub rank: Option<u32>,
    /// Its score for this slot; only the order has a meaning.
    pub score: u64,
    /// Its weight, such as `1` or `0.5`.
    pub weight: String,
    /// Whether it owns the slot.
    pub is_owner: bool,
    /// One line on what keeps the slot off this node. None: nothing does.
    pub reason: Option<String>,
    /// Replicated slots that it owns.
    pub load: u32,
    /// Most that it gets as long as there is room elsewhere.
    pub load_cap: u32,
}

/// Why a slot is where it is. None: there is no such slot. Costs up to two full plans.
#[must_use]
pub fn explain(input: &Input, plan: &Plan, service: ServiceId, slot: Slot) -> Option<Explanation> {
    let mut planner = Planner::default();
    planner.refresh(input);
    let outcome = planner.walk(input);
    let scene = Scene::new(input, planner.table(), &outcome.ledger, service, slot)?;
    let owner = plan.owner(service, slot);
    let binding = scene
        .number
        .and_then(|number| outcome.bindings.get(&number));
    Some(Explanation {
        service,
        service_name: scene.service.spec.name.clone(),
        slot: slot.to_string(),
        priority: scene.service.demand.priority,
        owner: owner.map(|owner| owner.to_string()),
        next: next_owner(input, service, slot, owner).map(|next| next.to_string()),
        pending: plan.pending_reason(service, slot).map(str::to_owned),
        bound: binding.and_then(|binding| scene.tell_binding(binding)),
        rung: plan.rung,
        nodes: scene.nodes(owner),
    })
}

/// Who would own the slot if its owner died.
fn next_owner(
    input: &Input,
    service: ServiceId,
    slot: Slot,
    owner: Option<NodeId>,
) -> Option<NodeId> {
    let owner = owner.filter(|_| matches!(slot, Slot::Number(_)))?;
    let mut without = input.clone();
    without.nodes.remove(&owner);
    super::plan(&without).owner(service, slot)
}

/// One slot among all nodes.
struct Scene<'a> {
    input: &'a Input,
    table: &'a NodeTable,
    ledger: &'a Ledger<'a>,
    index: usize,
    service: &'a Prepared,
    slot: Slot,
    /// Number of a replicated slot in the ledger, and its hash.
    number: Option<u32>,
    hash: u64,
}

impl<'a> Scene<'a> {
    fn new(
        input: &'a Input,
        table: &'a NodeTable,
        ledger: &'a Ledger<'a>,
        id: ServiceId,
        slot: Slot,
    ) -> Option<Self> {
        let services = ledger.services;
        let index = services.binary_search_by_key(&id, |service| service.id);
        let index = index.ok()?;
        let service = &services[index];
        let (number, hash) = match slot {
            Slot::Number(_) => {
                let (_, within) = find_slot(services, id, slot)?;
                let number = ledger.slots_of(index).start + within;
                (Some(number as u32), service.lists[within].hash)
            }
            Slot::Node(_) => (None, super::score::slot_hash(id, 0)),
        };
        let is_here = number.is_some() || service.demand.is_global;
        is_here.then_some(Self {
            input,
            table,
            ledger,
            index,
            service,
            slot,
            number,
            hash,
        })
    }

    fn nodes(&self, owner: Option<NodeId>) -> Vec<NodeExplanation> {
        let mut nodes: Vec<_> = (0..)
            .zip(&self.table.entries)
            .filter(|(_, entry)| self.slot_is_for(entry.id))
            .map(|(index, entry)| {
                let score = score_of(entry.weight, pair_hash(self.hash, entry.hash));
                (self.service.field.has(index), score, index, entry)
            })
            .collect();
        nodes.sort_by_key(|(qualifies, score, index, _)| {
            (!*qualifies, std::cmp::Reverse(*score), *index)
        });
        (1..)
            .zip(nodes)
            .map(|(rank, (qualifies, score, index, entry))| {
                let (load, load_cap) = self.ledger.load(index);
                let is_owner = owner == Some(entry.id);
                NodeExplanation {
                    node: entry.id.to_string(),
                    hostname: entry.node.hostname.clone(),
                    rank: qualifies.then_some(rank),
                    score,
                    weight: entry.weight.to_string(),
                    is_owner,
                    reason: Some(index)
                        .filter(|_| !is_owner)
                        .and_then(|index| self.exclusion(index))
                        .map(|exclusion| self.tell(exclusion, index, entry)),
                    load,
                    load_cap,
                }
            })
            .collect()
    }

    /// A global slot is about its own node only.
    fn slot_is_for(&self, node: NodeId) -> bool {
        match self.slot {
            Slot::Node(only) => only == node,
            Slot::Number(_) => true,
        }
    }

    /// What keeps the slot off a node, caps included.
    fn exclusion(&self, node: u32) -> Option<Exclusion> {
        let place = (self.index, self.number.unwrap_or(NO_NODE));
        let id = self.table.get(node)?.id;
        let key = (self.service.id, self.slot, id);
        reason::exclusion(self.table, self.ledger, place, node).or_else(|| {
            // The ledger counts only replicated slots.
            match self.number {
                Some(_) => self
                    .ledger
                    .cap_reached(Pass::AllCaps, Share::Up, self.index, node),
                None => (self.input.refusals.contains_key(&key)).then_some(Exclusion::Refusal),
            }
        })
    }

    fn tell(&self, exclusion: Exclusion, index: u32, entry: &NodeEntry) -> String {
        let filter = &self.service.field.filter;
        match exclusion {
            Exclusion::Availability if availability_exclusion(&entry.node).is_some() => {
                match entry.node.availability {
                    Availability::Drain => "drained".to_owned(),
                    _ => "paused: it takes no new tasks".to_owned(),
                }
            }
            Exclusion::Availability => "not available for new tasks".to_owned(),
            Exclusion::Resources => "insufficient resources".to_owned(),
            Exclusion::Engine => {
                let what = format!("it has no {} runtime", filter.runtime());
                match entry.node.facts.engine_trouble.as_str() {
                    trouble if filter.runtime() == "docker" && !trouble.is_empty() => {
                        format!("{what}: {trouble}")
                    }
                    _ => what,
                }
            }
            Exclusion::Plugin => {
                let missing = filter.missing_plugin(&entry.node).unwrap_or_default();
                format!("its engine lacks the plugin {missing}")
            }
            Exclusion::Constraint => filter
                .compile()
                .unmet(entry.id, &entry.node)
                .map_or("constraint not satisfied".to_owned(), |constraint| {
                    format!("constraint not satisfied: {constraint}")
                }),
            Exclusion::Platform => {
                let facts = &entry.node.facts;
                format!("unsupported platform {}/{}", facts.os, facts.architecture)
            }
            Exclusion::HostPort => "host-mode port already in use".to_owned(),
            Exclusion::MaxReplicas => "max replicas per node limit exceed".to_owned(),
            Exclusion::Refusal => self
                .input
                .refusals
                .get(&(self.service.id, self.slot, entry.id))
                .map_or("refused".to_owned(), |reason| format!("refused: {reason}")),
            Exclusion::Spread => {
                let replicas = self.ledger.replicas(self.index, index);
                format!("its share of this service is full ({replicas} replicas here)")
            }
            Exclusion::Load => {
                let (load, cap) = self.ledger.load(index);
                format!("load cap reached ({load} of {cap} slots)")
            }
        }
    }

    fn tell_binding(&self, binding: &Binding) -> Option<String> {
        if let Some(home) = self.input.homes.get(&(self.service.id, self.slot)) {
            return Some(format!(
                "node {} holds its data (volume {})",
                home.hostname, home.volume
            ));
        }
        let Binding::To(node) = binding else {
            return None;
        };
        let entry = self.table.get(*node)?;
        Some(format!(
            "node {} is paused and keeps it",
            entry.node.hostname
        ))
    }
}
