//! Spreading the replicas of a service: over the values of labels, then over nodes.
//!
//! Swarm's tree (`manager/scheduler/nodeset.go`): one level per placement preference, one branch per
//! value; a missing label is the empty value, and a branch. Each branch takes at most its even share,
//! rounded up, and so does each node of an innermost branch. Without preferences there is one branch:
//! `ceil(replicas / eligible nodes)` on each node.

use std::collections::BTreeMap;

use super::{input::Node, nodes::NodeTable};
use crate::spec::label_name;

const ROOT: u32 = 0;

/// The branches that the eligible nodes of a service form.
#[derive(Clone, Debug, Default)]
pub(super) struct SpreadTree {
    branches: Vec<Branch>,
    /// Innermost branch of each node of the table. One that is not eligible is where its labels
    /// lead: what a paused node keeps counts for its zone.
    leaf_of: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct Branch {
    parent: u32,
    /// Branches below it, or nodes where there are none.
    parts: u32,
}

impl SpreadTree {
    /// The tree of these nodes (indexes of the table) by these labels.
    pub(super) fn new(labels: &[String], nodes: &[u32], table: &NodeTable) -> Self {
        let labels: Vec<Label> = labels
            .iter()
            .filter_map(|text| Label::parse(text))
            .collect();
        let mut branches = vec![Branch::default()];
        let mut known: BTreeMap<(u32, &str), u32> = BTreeMap::new();
        let mut leaf_of = vec![ROOT; table.entries.len()];
        for &index in nodes {
            let Some(entry) = table.get(index) else {
                continue;
            };
            let mut branch = ROOT;
            for label in &labels {
                branch = *known
                    .entry((branch, label.value(&entry.node)))
                    .or_insert_with(|| {
                        branches[branch as usize].parts += 1;
                        branches.push(Branch {
                            parent: branch,
                            parts: 0,
                        });
                        (branches.len() - 1) as u32
                    });
            }
            branches[branch as usize].parts += 1;
            leaf_of[index as usize] = branch;
        }
        for (leaf, entry) in leaf_of.iter_mut().zip(&table.entries) {
            let path = labels.iter().map(|label| label.value(&entry.node));
            if *leaf == ROOT {
                *leaf = deepest(&known, path);
            }
        }
        Self { branches, leaf_of }
    }

    /// Whether there is more to it than the root.
    pub(super) fn has_levels(&self) -> bool {
        self.branches.len() > 1
    }

    pub(super) fn leaf_of(&self, node: u32) -> u32 {
        self.leaf_of.get(node as usize).copied().unwrap_or(ROOT)
    }

    /// The branch above. None: this is the root.
    pub(super) fn parent(&self, branch: u32) -> Option<u32> {
        let found = self.branches.get(branch as usize)?;
        (branch != ROOT).then_some(found.parent)
    }

    /// Most replicas in each branch, for this many in all.
    pub(super) fn branch_caps(&self, replicas: u32) -> Vec<u32> {
        let mut caps = Vec::with_capacity(self.branches.len());
        caps.push(replicas);
        // A branch is pushed after its parent, so the parent's cap is always there.
        for branch in self.branches.iter().skip(1) {
            let parent = branch.parent as usize;
            let siblings = self.branches[parent].parts.max(1);
            caps.push(caps[parent].div_ceil(siblings));
        }
        caps
    }

    /// Most replicas on a node of this innermost branch.
    pub(super) fn node_cap(&self, branch_caps: &[u32], leaf: u32) -> u32 {
        let nodes = self
            .branches
            .get(leaf as usize)
            .map_or(1, |branch| branch.parts.max(1));
        branch_caps
            .get(leaf as usize)
            .map_or(0, |cap| cap.div_ceil(nodes))
    }
}

/// The last branch that there is on this path of values.
fn deepest<'a>(known: &BTreeMap<(u32, &'a str), u32>, path: impl Iterator<Item = &'a str>) -> u32 {
    let mut branch = ROOT;
    for value in path {
        match known.get(&(branch, value)) {
            Some(below) => branch = *below,
            None => break,
        }
    }
    branch
}

/// A label to spread over.
enum Label {
    OfNode(String),
    OfEngine(String),
}

impl Label {
    /// `node.labels.K` or `engine.labels.K`; anything else is ignored, as in Swarm.
    fn parse(text: &str) -> Option<Self> {
        label_name(text, "node.labels.")
            .map(Self::OfNode)
            .or_else(|| label_name(text, "engine.labels.").map(Self::OfEngine))
    }

    fn value<'a>(&self, node: &'a Node) -> &'a str {
        match self {
            Self::OfNode(name) => node.labels.get(name),
            Self::OfEngine(name) => node.facts.engine_labels.get(name),
        }
        .map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shoal_membership::NodeId;

    use super::*;

    fn table(zones: &[&str]) -> NodeTable {
        let nodes = zones
            .iter()
            .enumerate()
            .map(|(index, zone)| {
                let labels = [("zone".to_owned(), (*zone).to_owned())].into();
                let node = Node {
                    labels,
                    ..Node::default()
                };
                (NodeId::from_bytes([index as u8; 16]), Arc::new(node))
            })
            .collect();
        NodeTable::new(&nodes)
    }

    fn tree(zones: &[&str], labels: &[&str]) -> SpreadTree {
        let labels: Vec<String> = labels.iter().map(|text| (*text).to_owned()).collect();
        let indexes: Vec<u32> = (0..zones.len() as u32).collect();
        SpreadTree::new(&labels, &indexes, &table(zones))
    }

    fn node_caps(tree: &SpreadTree, replicas: u32, nodes: u32) -> Vec<u32> {
        let caps = tree.branch_caps(replicas);
        (0..nodes)
            .map(|node| tree.node_cap(&caps, tree.leaf_of(node)))
            .collect()
    }

    #[test]
    fn without_preferences_every_node_gets_an_even_share() {
        let flat = tree(&["a", "b", "b"], &[]);
        assert!(!flat.has_levels());
        assert_eq!(node_caps(&flat, 7, 3), [3, 3, 3]);
    }

    #[test]
    fn each_zone_gets_an_even_share_and_divides_it() {
        let zones = tree(&["a", "b", "b", ""], &["node.labels.zone", "colour"]);
        assert_eq!(zones.branch_caps(10), [10, 4, 4, 4]);
        assert_eq!(node_caps(&zones, 10, 4), [4, 2, 2, 4]);
    }

    #[test]
    fn a_node_that_takes_nothing_new_still_counts_for_its_zone() {
        let table = table(&["a", "b", "b", "c"]);
        let tree = SpreadTree::new(&["node.labels.zone".into()], &[0, 1], &table);
        assert_eq!(tree.branch_caps(4), [4, 2, 2]);
        assert_eq!(tree.leaf_of(2), tree.leaf_of(1));
        assert_eq!(tree.leaf_of(3), ROOT);
    }

    #[test]
    fn levels_nest() {
        let nested = tree(&["a", "b"], &["node.labels.zone", "engine.labels.rack"]);
        assert_eq!(nested.branch_caps(5), [5, 3, 3, 3, 3]);
        let leaf = nested.leaf_of(0);
        let zone = nested.parent(leaf).unwrap();
        assert_eq!(nested.parent(zone), Some(ROOT));
        assert_eq!(nested.parent(ROOT), None);
    }
}
