//! The nodes that qualify for a service by its filters, made ready for fast scoring.

use super::{
    filter::{Exclusion, Filter, availability_exclusion},
    nodes::NodeTable,
    score::least_hash,
    spread::SpreadTree,
    weight::Weight,
};

/// About this many candidates, up to twice as many, go into the short list of a slot.
const SHORTLIST_LENGTH: u64 = 6;

/// The nodes that qualify for all services of one [`Filter`].
#[derive(Debug)]
pub(super) struct Field {
    pub(super) filter: Filter,
    /// Qualifying nodes in classes of equal weight.
    pub(super) classes: Vec<Class>,
    pub(super) tree: SpreadTree,
    /// Short lists hold the candidates whose score is at least this.
    pub(super) least_score: u64,
    /// By node: the first filter that it fails, its availability left aside.
    fits: Vec<Option<Exclusion>>,
    is_member: Vec<bool>,
}

/// Qualifying nodes of one weight, by ascending index.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) weight: Weight,
    pub(super) nodes: Vec<u32>,
    /// Hashes of those nodes.
    pub(super) hashes: Vec<u64>,
    /// Pair hashes from here on score at least the field's `least_score`. None: none does.
    pub(super) least_hash: Option<u64>,
}

impl Field {
    pub(super) fn new(filter: Filter, table: &NodeTable) -> Self {
        let compiled = filter.compile();
        let fits: Vec<_> = table
            .entries
            .iter()
            .map(|entry| compiled.exclusion(entry.id, &entry.node))
            .collect();
        let is_member: Vec<bool> = table
            .entries
            .iter()
            .zip(&fits)
            .map(|(entry, fit)| fit.is_none() && availability_exclusion(&entry.node).is_none())
            .collect();
        let members: Vec<u32> = (0..table.entries.len() as u32)
            .filter(|index| is_member[*index as usize])
            .collect();
        let mut classes = classes(&members, table);
        let least_score = least_score(&classes, members.len() as u64);
        for class in &mut classes {
            class.least_hash = least_hash(class.weight, least_score);
        }
        let tree = SpreadTree::new(&filter.spread, &members, table);
        Self {
            classes,
            tree,
            least_score,
            fits,
            is_member,
            filter,
        }
    }

    /// Whether this node qualifies for new tasks.
    pub(super) fn has(&self, node: u32) -> bool {
        self.is_member.get(node as usize).copied().unwrap_or(false)
    }

    /// The first filter that this node fails, its availability left aside.
    pub(super) fn misfit(&self, node: u32) -> Option<Exclusion> {
        self.fits.get(node as usize).copied().flatten()
    }
}

fn classes(members: &[u32], table: &NodeTable) -> Vec<Class> {
    let mut by_weight = std::collections::BTreeMap::new();
    for &index in members {
        let Some(entry) = table.get(index) else {
            continue;
        };
        let class = by_weight.entry(entry.weight).or_insert_with(|| Class {
            weight: entry.weight,
            nodes: Vec::new(),
            hashes: Vec::new(),
            least_hash: None,
        });
        class.nodes.push(index);
        class.hashes.push(entry.hash);
    }
    by_weight.into_values().collect()
}

/// The highest power of two that enough pairs of a slot are expected to reach. Few nodes: 0.
fn least_score(classes: &[Class], members: u64) -> u64 {
    if members <= 2 * SHORTLIST_LENGTH {
        return 0;
    }
    let reaches = |level: u32| {
        let expected: u128 = classes
            .iter()
            .filter_map(|class| {
                let hashes = u128::from(u64::MAX - least_hash(class.weight, 1 << level)?) + 1;
                Some(hashes * class.nodes.len() as u128)
            })
            .sum();
        expected >> 64 >= u128::from(SHORTLIST_LENGTH)
    };
    let (mut low, mut high) = (0, 63);
    while low < high {
        let middle = u32::midpoint(low, high + 1);
        if reaches(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    if low == 0 { 0 } else { 1 << low }
}
