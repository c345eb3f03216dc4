//! All nodes that run hold the same reports, and of each node its last one.
//!
//! Why: the reports decide what is started and what may stop. A node whose reports are not heeded
//! seems to run what it ran long ago.

use super::Checker;
use crate::World;

/// The rule.
#[derive(Debug)]
pub(super) struct Reports;

impl Checker for Reports {
    fn name(&self) -> &'static str {
        "nodes hold the same reports"
    }

    fn at_rest(&self, world: &World) -> Result<(), String> {
        let machines = world.machines.iter();
        let peers = machines.filter_map(|machine| machine.peer.as_ref());
        let mut roots = peers.map(|peer| peer.observed().digests().root());
        let first = roots.next();
        match roots.all(|root| Some(root) == first) {
            true => Ok(()),
            false => Err("reports differ".to_owned()),
        }
    }
}
