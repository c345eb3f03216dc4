//! The cluster of a study: nodes with weights, and services with replicas. Ids are drawn from the seed.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::SplitMix64;
use shoal_membership::NodeId;
use shoal_scheduler::{placement::Weight, task::ServiceId};

use super::SlotKey;
use crate::streams;

/// Who is there, and what there is to run. Every node could run every slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Nodes, each with the share of the load that it should carry next to others.
    pub nodes: BTreeMap<NodeId, Weight>,
    /// Services, each with its number of replicas.
    pub services: BTreeMap<ServiceId, u64>,
}

impl Cluster {
    /// So many nodes, which get these weights by turns (none: all 1); and so many slots in services of
    /// so many replicas, the last of which has what is left. The ids follow from the seed.
    #[must_use]
    pub fn drawn(nodes: usize, weights: &[Weight], slots: u64, replicas: u64, seed: u64) -> Self {
        let mut rng = SplitMix64::seed_from_u64(streams::placed(seed));
        let mut cluster = Self::default();
        let mut weights = weights.iter().copied().cycle();
        while cluster.nodes.len() < nodes {
            let id = NodeId::from_bytes(rng.random());
            cluster.nodes.insert(id, weights.next().unwrap_or_default());
        }
        let mut left = slots;
        while left > 0 {
            let now = left.min(replicas.max(1));
            cluster.services.insert(ServiceId(rng.random()), now);
            left -= now;
        }
        cluster
    }

    /// All slots, in order.
    pub fn slots(&self) -> impl Iterator<Item = SlotKey> + '_ {
        let of = |(service, replicas): (&ServiceId, &u64)| {
            let service = *service;
            (1..=*replicas).map(move |number| (service, number))
        };
        self.services.iter().flat_map(of)
    }

    /// The same without a node.
    #[must_use]
    pub fn without(&self, node: NodeId) -> Self {
        let mut fewer = self.clone();
        fewer.nodes.remove(&node);
        fewer
    }
}
