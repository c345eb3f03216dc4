//! Plain rendezvous hashing: each slot goes to the node that scores highest for it (Thaler and Ravishankar,
//! "Using Name-Based Mappings to Increase Hit Rates", 1998), by the shipped score, which heeds weights.
//!
//! A node's coming or going moves its own slots only: 1/N of all. It heeds no load and no service: loads
//! are those of balls in bins, and replicas of a service may end up side by side.

use std::cmp::Reverse;

use shoal_scheduler::{placement::score, task::Slot};

use super::{Cluster, Owners, Placer};

/// Has no memory.
#[derive(Debug)]
pub(super) struct Rendezvous;

impl Placer for Rendezvous {
    fn place(&mut self, cluster: &Cluster) -> Owners {
        let best = |(service, number)| {
            let slot = Slot::Number(number);
            cluster
                .nodes
                .iter()
                .map(|(node, weight)| (score(service, slot, *node, *weight), Reverse(*node)))
                .max()
        };
        let owner = |slot| best(slot).map(|(_, Reverse(node))| (slot, node));
        cluster.slots().filter_map(owner).collect()
    }
}
