//! Why a slot is pending, in Swarm's words: `no suitable node (insufficient resources on 2 nodes)`.
//!
//! As in swarmkit's `manager/scheduler/filter.go`: each node counts under the first filter that it
//! fails, and the filters are told by how many nodes failed them, most first.

use std::collections::BTreeMap;

use shoal_membership::NodeId;

use super::{
    binding::Binding,
    filter::{Exclusion, availability_exclusion},
    input::Input,
    ledger::Ledger,
    nodes::{NO_NODE, NodeTable},
    planner::{Prepared, SLOTS_MAX},
    walk::Outcome,
};
use crate::{
    task::{ServiceId, Slot},
    view::PendingSlot,
};

/// At most so many nodes are told one by one.
const TOLD_MAX: usize = 3;

/// All slots that got no node, by (service, slot).
pub(super) fn pending(input: &Input, table: &NodeTable, outcome: &Outcome<'_>) -> Vec<PendingSlot> {
    let mut pending = Vec::new();
    for (index, service) in outcome.ledger.services.iter().enumerate() {
        pending_replicas(input, table, outcome, index, &mut pending);
        let first_beyond = service.lists.len() as u64 + 1;
        if u64::from(service.demand.slots) >= first_beyond {
            pending.push(PendingSlot {
                service: service.id,
                slot: Slot::Number(first_beyond),
                reason: format!("the cluster has more than {SLOTS_MAX} replicas in all"),
            });
        }
    }
    for (index, node, exclusion) in &outcome.globals.pending {
        let (service, Some(entry)) = (&outcome.ledger.services[*index], table.get(*node)) else {
            continue;
        };
        let slot = Slot::Node(entry.id);
        let counts = [(*exclusion, 1)].into();
        let told = Told::of(input, service.id, slot);
        pending.push(PendingSlot {
            service: service.id,
            slot,
            reason: no_suitable_node(service, &counts, &told),
        });
    }
    pending.sort_by_key(|pending| (pending.service, pending.slot));
    pending
}

fn pending_replicas(
    input: &Input,
    table: &NodeTable,
    outcome: &Outcome<'_>,
    index: usize,
    pending: &mut Vec<PendingSlot>,
) {
    let ledger = &outcome.ledger;
    let service = &ledger.services[index];
    // Slots without refusals and bindings of their own all share one reason.
    let mut shared: Option<String> = None;
    let slots = ledger.slots_of(index);
    let first = slots.start;
    for number in slots {
        if ledger.owners()[number] != NO_NODE {
            continue;
        }
        let slot = Slot::Number((number - first) as u64 + 1);
        let number = number as u32;
        let binding = outcome.bindings.get(&number);
        let is_own = binding.is_some() || ledger.is_refused_anywhere(number);
        let reason = match (is_own, &shared) {
            (false, Some(reason)) => reason.clone(),
            _ => reason_of(input, table, ledger, (index, slot, number), binding),
        };
        if !is_own {
            shared = Some(reason.clone());
        }
        pending.push(PendingSlot {
            service: service.id,
            slot,
            reason,
        });
    }
}

fn reason_of(
    input: &Input,
    table: &NodeTable,
    ledger: &Ledger<'_>,
    (index, slot, number): (usize, Slot, u32),
    binding: Option<&Binding>,
) -> String {
    let service = &ledger.services[index];
    let told = Told::of(input, service.id, slot);
    if let Some(home) = input
        .homes
        .get(&(service.id, slot))
        .filter(|_| binding.is_some())
    {
        let mut text = format!(
            "waits for node {}, which holds its data (volume {})",
            home.hostname, home.volume
        );
        let in_the_way = table
            .index_of(home.node)
            .and_then(|node| exclusion(table, ledger, (index, number), node));
        if let Some(exclusion) = in_the_way {
            text += ": ";
            text += &tell(service, exclusion, 1, &told);
        }
        return text;
    }
    let nodes = match binding {
        Some(Binding::To(node)) => *node..node.saturating_add(1),
        _ => 0..table.entries.len() as u32,
    };
    let mut counts = BTreeMap::new();
    for exclusion in nodes.filter_map(|node| exclusion(table, ledger, (index, number), node)) {
        *counts.entry(exclusion).or_insert(0) += 1;
    }
    no_suitable_node(service, &counts, &told)
}

/// The first filter that a node fails, in Swarm's order; caps do not count.
pub(super) fn exclusion(
    table: &NodeTable,
    ledger: &Ledger<'_>,
    (service, slot): (usize, u32),
    node: u32,
) -> Option<Exclusion> {
    let entry = table.get(node)?;
    [
        availability_exclusion(&entry.node),
        ledger.services[service].field.misfit(node),
        ledger.obstacle(service, slot, node),
    ]
    .into_iter()
    .flatten()
    .min()
}

fn no_suitable_node(
    service: &Prepared,
    counts: &BTreeMap<Exclusion, usize>,
    told: &Told,
) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let parts: Vec<String> = counts
        .into_iter()
        .map(|(exclusion, count)| tell(service, *exclusion, *count, told))
        .collect();
    if parts.is_empty() {
        "no suitable node".to_owned()
    } else {
        format!("no suitable node ({})", parts.join("; "))
    }
}

/// Swarm's words for a filter that kept this many nodes out.
fn tell(service: &Prepared, exclusion: Exclusion, count: usize, told: &Told) -> String {
    let nodes = if count == 1 { "node" } else { "nodes" };
    match exclusion {
        Exclusion::Availability => format!("{count} {nodes} not available for new tasks"),
        Exclusion::Resources => format!("insufficient resources on {count} {nodes}"),
        Exclusion::Engine if service.field.filter.runtime() == "docker" => {
            let what = format!("no container engine on {count} {nodes}");
            match told.engines.as_slice() {
                [] => what,
                engines => format!("{what}: {}", engines.join(", ")),
            }
        }
        Exclusion::Engine => format!("no process runtime on {count} {nodes}"),
        Exclusion::Plugin => format!("missing plugin on {count} {nodes}"),
        Exclusion::Constraint => {
            format!("scheduling constraints not satisfied on {count} {nodes}")
        }
        Exclusion::Platform => format!("unsupported platform on {count} {nodes}"),
        Exclusion::HostPort => format!("host-mode port already in use on {count} {nodes}"),
        Exclusion::MaxReplicas => "max replicas per node limit exceed".to_owned(),
        Exclusion::Refusal => format!("refused by {}", told.refusals.join(", ")),
        Exclusion::Spread => format!("enough replicas of this service on {count} {nodes}"),
        Exclusion::Load => format!("load cap reached on {count} {nodes}"),
    }
}

/// What nodes say themselves.
struct Told {
    /// Who refused the slot: `pi-3 (port 80 is taken)`, and how many more.
    refusals: Vec<String>,
    /// Whose engine can't be used: `pi-3 (the engine does not answer)`, and how many more.
    engines: Vec<String>,
}

impl Told {
    fn of(input: &Input, service: ServiceId, slot: Slot) -> Self {
        let from = (service, slot, NodeId::from_bytes([0; 16]));
        let to = (service, slot, NodeId::from_bytes([u8::MAX; 16]));
        let refusals = input.refusals.range(from..=to);
        let refusals = refusals.filter_map(|((_, _, node), reason)| {
            Some((&input.nodes.get(node)?.hostname, reason.as_str()))
        });
        let engines = input.nodes.values().filter_map(|node| {
            let trouble = node.facts.engine_trouble.as_str();
            (!trouble.is_empty()).then_some((&node.hostname, trouble))
        });
        Self {
            refusals: first_of(refusals),
            engines: first_of(engines),
        }
    }
}

/// The first few one by one, the others as a number.
fn first_of<'a>(all: impl Iterator<Item = (&'a String, &'a str)>) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    let mut more = 0;
    for (hostname, reason) in all {
        if told.len() < TOLD_MAX {
            told.push(format!("{hostname} ({reason})"));
        } else {
            more += 1;
        }
    }
    if more > 0 {
        told.push(format!("{more} more"));
    }
    told
}

#[cfg(test)]
mod tests {
    use crate::placement::{
        plan,
        samples::{change_node, input, service},
    };

    #[test]
    fn an_engine_that_can_not_be_used_says_why() {
        let mut web = service(1);
        web.task_template.container_spec.image = "nginx".into();
        let mut cluster = input(6, [web]);
        for index in 0..6 {
            change_node(&mut cluster, index, |node| {
                node.facts.runtimes = vec!["process".into()];
                if index != 2 {
                    node.facts.engine_trouble = "it does not answer".into();
                }
            });
        }
        let reason = &plan(&cluster).pending[0].reason;
        assert!(
            reason.starts_with("no suitable node (no container engine on 6 nodes: "),
            "{reason}"
        );
        assert_eq!(
            reason.matches("(it does not answer)").count(),
            3,
            "{reason}"
        );
        assert!(reason.ends_with(", 2 more)"), "{reason}");
    }
}
