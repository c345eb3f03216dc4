//! Slots that have no choice: those with data on one node, and those that a paused node keeps.

use std::collections::BTreeMap;

use super::{field::Field, input::Input, nodes::NodeTable, planner::Prepared};
use crate::{
    spec::Availability,
    task::{ServiceId, Slot},
};

/// Where a slot must go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// To this node or nowhere: it holds the data, or it is paused and runs the task.
    To(u32),
    /// Nowhere for now: the node that holds its data can't run it.
    Waits,
}

/// The bindings of an input, by slot number.
pub(super) fn bindings(
    input: &Input,
    table: &NodeTable,
    services: &[Prepared],
    first_slot: impl Fn(usize) -> usize,
) -> BTreeMap<u32, Binding> {
    let mut bindings = BTreeMap::new();
    let locate = |service: ServiceId, slot: Slot| {
        let (index, number) = find_slot(services, service, slot)?;
        Some((&services[index], (first_slot(index) + number) as u32))
    };
    // Of several paused nodes that run a slot the one with the smallest id keeps it: it comes last.
    for (service, slot, node) in input.keeps.iter().rev() {
        let Some((prepared, number)) = locate(*service, *slot) else {
            continue;
        };
        let index = table.index_of(*node);
        if let Some(index) = index.filter(|index| is_kept(&prepared.field, table, *index)) {
            bindings.insert(number, Binding::To(index));
        }
    }
    for ((service, slot), home) in &input.homes {
        let Some((prepared, number)) = locate(*service, *slot) else {
            continue;
        };
        if !prepared.demand.has_data {
            continue;
        }
        let index = table.index_of(home.node);
        let keeps = input.keeps.contains(&(*service, *slot, home.node));
        let is_ready = |index: &u32| {
            prepared.field.has(*index) || (keeps && is_kept(&prepared.field, table, *index))
        };
        match index.filter(is_ready) {
            Some(_) if is_refused_for_good(input, prepared, (*service, *slot), home.node) => {}
            Some(index) => {
                bindings.insert(number, Binding::To(index));
            }
            None if home.on_roster && prepared.demand.waits_for_data => {
                bindings.insert(number, Binding::Waits);
            }
            None => {}
        }
    }
    bindings
}

/// A slot whose other replicas have data of their own moves on when its home refuses it.
fn is_refused_for_good(
    input: &Input,
    prepared: &Prepared,
    (service, slot): (ServiceId, Slot),
    home: shoal_membership::NodeId,
) -> bool {
    !prepared.demand.waits_for_data && input.refusals.contains_key(&(service, slot, home))
}

/// Whether a node is paused and would qualify if it were not.
pub(super) fn is_kept(field: &Field, table: &NodeTable, index: u32) -> bool {
    field.misfit(index).is_none()
        && table
            .get(index)
            .is_some_and(|entry| entry.node.availability == Availability::Pause)
}

/// The service's index, and the slot's from 0. None: there is no such replicated slot.
pub(super) fn find_slot(
    services: &[Prepared],
    service: ServiceId,
    slot: Slot,
) -> Option<(usize, usize)> {
    let Slot::Number(number) = slot else {
        return None;
    };
    let index = services.binary_search_by_key(&service, |found| found.id);
    let index = index.ok()?;
    let number = usize::try_from(number.checked_sub(1)?).ok()?;
    (number < services[index].lists.len()).then_some((index, number))
}
