//! The nodes of an input, numbered in the order of their ids.

use std::sync::Arc;

use imbl::OrdMap;
use shoal_membership::NodeId;

use super::{
    input::{LoadCaps, Node},
    rung::{load_cap, rung},
    score::node_hash,
    weight::Weight,
};
use crate::spec::Availability;

/// No node: in place of an index.
pub(super) const NO_NODE: u32 = u32::MAX;

/// A node with what is worked out of it once.
#[derive(Clone, Debug)]
pub(super) struct NodeEntry {
    pub(super) id: NodeId,
    pub(super) node: Arc<Node>,
    pub(super) hash: u64,
    pub(super) weight: Weight,
}

/// All nodes, by ascending id. Everywhere in this module a node is its index here.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeTable {
    pub(super) entries: Vec<NodeEntry>,
}

impl NodeTable {
    pub(super) fn new(nodes: &OrdMap<NodeId, Arc<Node>>) -> Self {
        let entry = |(id, node): (&NodeId, &Arc<Node>)| NodeEntry {
            id: *id,
            node: Arc::clone(node),
            hash: node_hash(*id),
            weight: node.weight(),
        };
        Self {
            entries: nodes.iter().map(entry).collect(),
        }
    }

    pub(super) fn get(&self, index: u32) -> Option<&NodeEntry> {
        self.entries.get(index as usize)
    }

    pub(super) fn index_of(&self, id: NodeId) -> Option<u32> {
        let index = self.entries.binary_search_by_key(&id, |entry| entry.id);
        index.ok().map(|index| index as u32)
    }

    /// The rung for this many replicated slots, and each node's load cap on it.
    pub(super) fn load_caps(&self, slots: u64, caps: LoadCaps) -> (u64, Vec<u32>) {
        if caps == LoadCaps::Off {
            return (u64::MAX, vec![u32::MAX; self.entries.len()]);
        }
        let active = || {
            self.entries
                .iter()
                .filter(|entry| entry.node.availability == Availability::Active)
        };
        let count = active().count() as u64;
        let total = active()
            .map(|entry| u64::from(entry.weight.thousandths()))
            .sum();
        let rung = rung(slots, count);
        let caps = self
            .entries
            .iter()
            .map(|entry| load_cap(rung, entry.weight, total, count))
            .collect();
        (rung, caps)
    }
}
