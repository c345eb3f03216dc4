//! Pairs of nodes that can't reach each other, for people.

use shoal_membership::NodeId;

use super::{ClusterView, NodeStatus};

/// More ways around than these are not named.
const NAMED_MAX: usize = 3;

/// Two living nodes that can't reach each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// The lower id first.
    pub nodes: [NodeId; 2],
    /// Ready nodes of which neither is said to be out of reach: what is between the two goes by one of them.
    pub by: Vec<NodeId>,
}

impl ClusterView {
    /// Whether two nodes are known not to reach each other.
    #[must_use]
    pub fn are_apart(&self, one: NodeId, other: NodeId) -> bool {
        let one = self.nodes.get(&one);
        one.is_some_and(|one| one.apart_from.contains(&other))
    }

    /// All pairs that can't reach each other, in order.
    pub fn pairs_apart(&self) -> impl Iterator<Item = Apart> {
        let pairs = self.nodes.values().flat_map(|one| {
            let later = one.apart_from.iter().filter(|other| **other > one.id);
            later.map(|other| [one.id, *other])
        });
        pairs.map(|nodes| Apart {
            nodes,
            by: self.between(nodes),
        })
    }

    fn between(&self, nodes: [NodeId; 2]) -> Vec<NodeId> {
        let ready = self
            .nodes
            .values()
            .filter(|node| node.status == NodeStatus::Ready && !nodes.contains(&node.id));
        let reach = ready.filter(|node| !nodes.iter().any(|one| node.apart_from.contains(one)));
        reach.map(|node| node.id).collect()
    }

    /// A pair in one sentence.
    #[must_use]
    pub fn tell_apart(&self, pair: &Apart) -> String {
        let name = |id: &NodeId| match self.nodes.get(id) {
            Some(node) if !node.hostname.is_empty() => node.hostname.clone(),
            _ => id.to_string(),
        };
        let sorted = |nodes: &[NodeId]| {
            let mut names: Vec<String> = nodes.iter().map(name).collect();
            names.sort();
            names
        };
        let two = sorted(&pair.nodes).join(" and ");
        match pair.by.len() {
            0 => format!("{two} can't reach each other, and no other node reaches both"),
            1..=NAMED_MAX => format!(
                "{two} can't reach each other; traffic between them goes by way of {}",
                sorted(&pair.by).join(" or ")
            ),
            _ => {
                format!("{two} can't reach each other; traffic between them goes by way of others")
            }
        }
    }
}
