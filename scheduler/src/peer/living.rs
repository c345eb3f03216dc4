//! Members of the roster that are alive, in the order of their ids: kept up to date one by one, so that
//! to pick some at random costs the same however many there are.

use imbl::Vector;
use shoal_membership::NodeId;

use super::Peer;

/// The living members of the roster, but for this node.
#[derive(Clone, Debug, Default)]
pub(super) struct Living(Vector<NodeId>);

impl Living {
    /// The same, as that node sees it.
    pub(super) fn without(mut self, node: &NodeId) -> Self {
        self.set(*node, false);
        self
    }

    /// The same, as others see it.
    pub(super) fn with(mut self, node: NodeId) -> Self {
        self.set(node, true);
        self
    }

    fn set(&mut self, node: NodeId, is_living: bool) {
        match (self.0.binary_search(&node), is_living) {
            (Err(place), true) => self.0.insert(place, node),
            (Ok(place), false) => drop(self.0.remove(place)),
            _ => {}
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, place: usize) -> Option<NodeId> {
        self.0.get(place).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.0.iter().copied()
    }
}

impl Peer {
    /// Members that are alive, but for this node.
    pub(super) fn living_members(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.living.iter()
    }

    /// Whether all others on the roster are alive.
    pub(super) fn all_are_alive(&self) -> bool {
        let roster = self.catalog.roster();
        let others = roster.len() - usize::from(roster.contains_key(&self.me()));
        self.living.len() == others
    }

    /// A member came, or went.
    pub(super) fn came_or_went(&mut self, node: NodeId) {
        let is_living = self.presence.is_alive(&node) && self.catalog.roster().contains_key(&node);
        self.living.set(node, is_living);
    }

    /// The roster is another one.
    pub(super) fn roster_changed(&mut self) {
        let roster = self.catalog.roster();
        let living = self.presence.alive();
        let living = living.filter(|node| roster.contains_key(node));
        self.living = Living(living.collect());
    }
}
