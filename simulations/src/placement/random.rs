//! The baseline without a rule: a slot goes to a node drawn by lot, in proportion to the weights, and stays
//! there until that node is gone.
//!
//! No rule moves less: only what is lost. The price is that the answer depends on the past, so somebody must
//! remember it and tell the others: a manager. Loads are those of balls thrown into bins (Raab and Steger,
//! "Balls into Bins: A Simple and Tight Analysis", 1998), and a node that comes back gets nothing.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::SplitMix64;
use shoal_membership::NodeId;

use super::{Cluster, Owners, Placer};

/// Draws lots, and remembers.
#[derive(Debug)]
pub(super) struct Random {
    rng: SplitMix64,
    kept: Owners,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: SplitMix64::seed_from_u64(seed),
            kept: Owners::new(),
        }
    }
}

impl Placer for Random {
    fn place(&mut self, cluster: &Cluster) -> Owners {
        let mut total = 0_u64;
        let lots: Vec<(u64, NodeId)> = cluster
            .nodes
            .iter()
            .map(|(node, weight)| {
                total += u64::from(weight.thousandths());
                (total, *node)
            })
            .collect();
        let mut owners = Owners::new();
        if lots.is_empty() {
            return owners;
        }
        for slot in cluster.slots() {
            let kept = self.kept.get(&slot).copied();
            let owner = kept.filter(|node| cluster.nodes.contains_key(node));
            let owner = owner.unwrap_or_else(|| {
                let lot = self.rng.random_range(0..total);
                lots[lots.partition_point(|(end, _)| *end <= lot)].1
            });
            owners.insert(slot, owner);
        }
        self.kept.clone_from(&owners);
        owners
    }
}
