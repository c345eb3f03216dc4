//! Spreading the replicas of a service: over the values of labels, then over nodes.
//!
//! Swarm's tree (`manager/scheduler/nodeset.go`): one level per placement preference, one branch per
//! value; a missing label is the empty value, and a branch. Each branch takes at most its even share,
//! and so does each node of an innermost branch. Without preferences there is one branch:
//! `replicas / eligible nodes` on each node.
//!
//! Shares are given out rounded down first, at least 1, and rounded up only to what is left then. With
//! the rounded up share alone, a service of as many replicas as there are nodes has a cap of 1 until
//! a node dies and of 2 at once after it: every slot that was kept off its favourite comes back to
//! it. That moved 9 to 10 tasks for each one lost at 30 nodes; rounding down first, under 3.

use std::collections::BTreeMap;

use super::{input::Node, nodes::NodeTable};
use crate::spec::label_name;

const ROOT: u32 = 0;

/// How an even share that is no whole number is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Share {
    /// Rounded down, but at least 1.
    Down,
    /// Rounded up.
    Up,
}

impl Share {
    fn of(self, whole: u32, parts: u32) -> u32 {
        match self {
            Self::Down => (whole / parts).max(1).min(whole),
            Self::Up => whole.div_ceil(parts),
        }
    }
}

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

    /// The most that each part takes of this many replicas.
    pub(super) fn caps(&self, replicas: u32, share: Share) -> SpreadCaps {
        let mut branches = Vec::with_capacity(self.branches.len());
        branches.push(replicas);
        // A branch is pushed after its parent, so the parent's cap is always there.
        for branch in self.branches.iter().skip(1) {
            let parent = branch.parent as usize;
            let siblings = self.branches[parent].parts.max(1);
            branches.push(share.of(branches[parent], siblings));
        }
        let node_cap = |(branch, cap): (&Branch, &u32)| share.of(*cap, branch.parts.max(1));
        SpreadCaps {
            nodes: self.branches.iter().zip(&branches).map(node_cap).collect(),
            branches,
        }
    }
}

/// The most replicas of a service in each part of its tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SpreadCaps {
    /// In each branch.
    pub(super) branches: Vec<u32>,
    /// On each node of a branch, where it is an innermost one.
    pub(super) nodes: Vec<u32>,
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

    fn node_caps(tree: &SpreadTree, replicas: u32, share: Share, nodes: u32) -> Vec<u32> {
        let caps = tree.caps(replicas, share).nodes;
        (0..nodes)
            .map(|node| caps[tree.leaf_of(node) as usize])
            .collect()
    }

    #[test]
    fn without_preferences_every_node_gets_an_even_share() {
        let flat = tree(&["a", "b", "b"], &[]);
        assert!(!flat.has_levels());
        assert_eq!(node_caps(&flat, 7, Share::Down, 3), [2, 2, 2]);
        assert_eq!(node_caps(&flat, 7, Share::Up, 3), [3, 3, 3]);
        assert_eq!(node_caps(&flat, 2, Share::Down, 3), [1, 1, 1]);
        assert_eq!(node_caps(&flat, 0, Share::Down, 3), [0, 0, 0]);
    }

    #[test]
    fn each_zone_gets_an_even_share_and_divides_it() {
        let zones = tree(&["a", "b", "b", ""], &["node.labels.zone", "colour"]);
        assert_eq!(zones.caps(10, Share::Up).branches, [10, 4, 4, 4]);
        assert_eq!(node_caps(&zones, 10, Share::Up, 4), [4, 2, 2, 4]);
        assert_eq!(zones.caps(10, Share::Down).branches, [10, 3, 3, 3]);
        assert_eq!(node_caps(&zones, 10, Share::Down, 4), [3, 1, 1, 3]);
    }

    #[test]
    fn a_node_that_takes_nothing_new_still_counts_for_its_zone() {
        let table = table(&["a", "b", "b", "c"]);
        let tree = SpreadTree::new(&["node.labels.zone".into()], &[0, 1], &table);
        assert_eq!(tree.caps(4, Share::Up).branches, [4, 2, 2]);
        assert_eq!(tree.leaf_of(2), tree.leaf_of(1));
        assert_eq!(tree.leaf_of(3), ROOT);
    }

    #[test]
    fn levels_nest() {
        let nested = tree(&["a", "b"], &["node.labels.zone", "engine.labels.rack"]);
        assert_eq!(nested.caps(5, Share::Up).branches, [5, 3, 3, 3, 3]);
        let leaf = nested.leaf_of(0);
        let zone = nested.parent(leaf).unwrap();
        assert_eq!(nested.parent(zone), Some(ROOT));
        assert_eq!(nested.parent(ROOT), None);
    }
}
