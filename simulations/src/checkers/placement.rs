//! Nodes that agree on what there is come to the same plan.
//!
//! Why: nobody is asked. Two plans would run a slot twice, or not at all.

use super::Checker;
use crate::World;

/// The rule.
#[derive(Debug)]
pub(super) struct SamePlan;

impl Checker for SamePlan {
    fn name(&self) -> &'static str {
        "all nodes make the same plan"
    }

    fn at_rest(&self, world: &World) -> Result<(), String> {
        let peers = world
            .machines
            .iter()
            .filter_map(|machine| machine.peer.as_ref());
        let mut plans = peers.map(|peer| peer.placement().1.iter().collect::<Vec<_>>());
        let Some(first) = plans.next() else {
            return Ok(());
        };
        match plans.all(|plan| plan == first) {
            true => Ok(()),
            false => Err("plans differ".to_owned()),
        }
    }
}
