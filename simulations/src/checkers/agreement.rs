//! All nodes that run see one another, and hold the same registry.
//!
//! Why: everything else follows from it. Two nodes that stay apart would each run their own plan.

use super::Checker;
use crate::World;

/// The rule.
#[derive(Debug)]
pub(super) struct Agreement;

impl Checker for Agreement {
    fn name(&self) -> &'static str {
        "nodes agree on members and registry"
    }

    fn at_rest(&self, world: &World) -> Result<(), String> {
        let running = world.running();
        if !world.all_see(&running, &running) {
            let blind = running.iter().find_map(|one| {
                let unseen = running
                    .iter()
                    .find(|other| !world.all_see(&[*one], &[**other]));
                unseen.map(|other| (one + 1, other + 1))
            });
            return Err(format!("one does not see the other: {blind:?}"));
        }
        match world.registries_agree() {
            true => Ok(()),
            false => Err("registries differ".to_owned()),
        }
    }
}
