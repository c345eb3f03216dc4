//! Global services: one task on every node that qualifies. They are placed before all others.

use super::{binding::is_kept, filter::Exclusion, input::Input, ledger::Ledger, nodes::NodeTable};
use crate::task::Slot;

/// Where the tasks of global services went. Services and nodes by index.
#[derive(Debug, Default)]
pub(super) struct Globals {
    pub(super) owners: Vec<(usize, u32)>,
    /// Nodes that qualify but can't take the task, with what is in the way.
    pub(super) pending: Vec<(usize, u32, Exclusion)>,
}

/// Places the global services of a ledger: those of higher priority first, then by id. A paused
/// node keeps what it has.
pub(super) fn place(input: &Input, table: &NodeTable, ledger: &mut Ledger<'_>) -> Globals {
    let services = ledger.services;
    let mut order: Vec<usize> = (0..services.len())
        .filter(|index| services[*index].demand.is_global)
        .collect();
    order.sort_by_key(|index| std::cmp::Reverse(services[*index].demand.priority));
    let mut globals = Globals::default();
    for index in order {
        let service = &services[index];
        for (node, entry) in (0..).zip(&table.entries) {
            let key = (service.id, Slot::Node(entry.id), entry.id);
            let is_paused_here = input.keeps.contains(&key) && is_kept(&service.field, table, node);
            if !service.field.has(node) && !is_paused_here {
                continue;
            }
            let is_refused = input.refusals.contains_key(&key);
            let refusal = is_refused.then_some(Exclusion::Refusal);
            match ledger.full(&service.demand, node).or(refusal) {
                Some(exclusion) => globals.pending.push((index, node, exclusion)),
                None => {
                    ledger.reserve(index, node);
                    globals.owners.push((index, node));
                }
            }
        }
    }
    globals
}
