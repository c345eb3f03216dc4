//! What can befall a node or the network, besides what `network` does itself.

use crate::network::{Cluster, id};

impl Cluster {
    /// Starts the node again, above what it had on its disk.
    pub(crate) fn restart(&mut self, node: usize) {
        let incarnation = self.nodes[node].persisted + 1;
        self.restart_as(node, incarnation);
    }

    pub(crate) fn restart_as(&mut self, node: usize, incarnation: u64) {
        let size = self.nodes.len();
        let mut fresh = self.fresh(node, incarnation, size);
        fresh.persisted = self.nodes[node].persisted;
        self.nodes[node] = fresh;
        self.carry_out(node);
        self.schedule_exchange(node, 0);
    }

    /// From now on only nodes of one island hear each other.
    pub(crate) fn partition(&mut self, islands: &[&[usize]]) {
        self.islands.clear();
        for (number, island) in islands.iter().enumerate() {
            for node in *island {
                self.islands.insert(*node, number as u32);
            }
        }
    }

    pub(crate) fn heal(&mut self) {
        self.islands.clear();
    }

    /// Whether all running nodes know that this one is not there.
    pub(crate) fn all_miss(&self, gone: usize) -> bool {
        let others = self.running().into_iter().filter(|node| *node != gone);
        others
            .into_iter()
            .all(|node| !self.nodes[node].membership.is_alive(id(gone)))
    }
}
