//! Orders about nodes.

use std::collections::BTreeMap;

use shoal_membership::NodeId;

use super::{super::Peer, Draft, json};
use crate::{
    order::OrderError,
    registry::{Key, Revocation, kind},
    spec::NodeSpec,
};

impl Peer {
    pub(super) fn draft_node_update(
        &mut self,
        node: NodeId,
        version: u64,
        spec: &NodeSpec,
    ) -> Result<Draft, OrderError> {
        let missing = || OrderError::NotFound {
            kind: "node",
            id: node.to_string(),
        };
        let known = self.catalog.roster().get(&node).ok_or_else(missing)?;
        if known.version != version {
            return Err(OrderError::OutOfSequence);
        }
        let name = node.to_string();
        Ok(Draft::one(
            Key::of(kind::NODE, name.clone()),
            json(spec),
            name,
        ))
    }

    /// Revokes a node's key: a line after the last dots that are known here.
    pub(super) fn draft_node_removal(
        &mut self,
        node: NodeId,
        force: bool,
    ) -> Result<Draft, OrderError> {
        let name = node.to_string();
        if !self.catalog.roster().contains_key(&node) {
            return Err(OrderError::NotFound {
                kind: "node",
                id: name,
            });
        }
        let is_this_node = node == self.me();
        if is_this_node || (self.presence.is_alive(&node) && !force) {
            return Err(OrderError::NotDown(node));
        }
        let revocation = Revocation {
            last_dots: self.last_dots_of(node),
        };
        let key = Key::system(kind::REVOCATION, format!("{node}.{}", self.me()));
        let mut draft = Draft::one(key, json(&revocation), name.clone());
        for key in [
            Key::of(kind::NODE, name.clone()),
            Key::system(kind::FACTS, name),
        ] {
            if self.registry.read(&key).is_some() {
                draft.writes.push((key, None));
            }
        }
        Ok(draft)
    }

    pub(in super::super) fn last_dots_of(&self, node: NodeId) -> Vec<(u64, u64)> {
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        for (_, entry) in self.registry.entries() {
            for (actor, count) in entry.clock().dots {
                if actor.node == node {
                    let dot = last.entry(actor.generation).or_default();
                    *dot = (*dot).max(count);
                }
            }
        }
        last.into_iter().collect()
    }
}
