//! What placement decides.

use std::collections::{BTreeMap, BTreeSet};

use shoal_membership::NodeId;

use crate::{
    task::{ServiceId, Slot},
    view::PendingSlot,
};

/// Who owns what. Equal inputs give equal plans on every machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The owners of each service's slots. Every service of the input is here.
    pub services: BTreeMap<ServiceId, Owners>,
    /// Slots that fit nowhere, by (service, slot), with the reason in Swarm's words.
    pub pending: Vec<PendingSlot>,
    /// Most replicated slots on a node of mean weight, as long as there is room elsewhere. The largest
    /// number there is if load caps are off.
    pub rung: u64,
}

/// The owners of one service's slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    /// Owner of slot 1, 2, ... of a replicated service. None: it is pending.
    pub replicas: Vec<Option<NodeId>>,
    /// Nodes that run a global service.
    pub everywhere: BTreeSet<NodeId>,
}

impl Owners {
    /// The owner of this slot. None: it is pending, or there is no such slot.
    #[must_use]
    pub fn of(&self, slot: Slot) -> Option<NodeId> {
        match slot {
            Slot::Number(number) => {
                let index = usize::try_from(number.checked_sub(1)?).ok()?;
                *self.replicas.get(index)?
            }
            Slot::Node(node) => self.everywhere.get(&node).copied(),
        }
    }

    /// The slots that have an owner, in order, each with it.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, NodeId)> + '_ {
        let replicas = (1..).zip(&self.replicas);
        let replicas =
            replicas.filter_map(|(number, owner)| owner.map(|owner| (Slot::Number(number), owner)));
        let everywhere = self
            .everywhere
            .iter()
            .map(|node| (Slot::Node(*node), *node));
        replicas.chain(everywhere)
    }
}

impl Plan {
    /// The owner of a slot. None: it is pending, or there is no such slot.
    #[must_use]
    pub fn owner(&self, service: ServiceId, slot: Slot) -> Option<NodeId> {
        self.services.get(&service)?.of(slot)
    }

    /// All slots that have an owner, in order, each with it.
    pub fn iter(&self) -> impl Iterator<Item = (ServiceId, Slot, NodeId)> + '_ {
        self.services.iter().flat_map(|(service, owners)| {
            owners.iter().map(|(slot, owner)| (*service, slot, owner))
        })
    }

    /// The slots that this node owns, in order.
    pub fn slots_of(&self, node: NodeId) -> impl Iterator<Item = (ServiceId, Slot)> + '_ {
        self.iter()
            .filter(move |(_, _, owner)| *owner == node)
            .map(|(service, slot, _)| (service, slot))
    }

    /// Why a slot has no owner.
    #[must_use]
    pub fn pending_reason(&self, service: ServiceId, slot: Slot) -> Option<&str> {
        let key = (service, slot);
        self.pending
            .binary_search_by_key(&key, |pending| (pending.service, pending.slot))
            .ok()
            .and_then(|index| self.pending.get(index))
            .map(|pending| pending.reason.as_str())
    }
}
