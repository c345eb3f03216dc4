//! While nothing is wrong, nobody takes a member that runs for dead.
//!
//! Why: a death moves tasks. Under faults a detector may err, and how often it does is measured, not
//! ruled out; but paths that never were are no fault: behind NATs half of the members may not hear one
//! another, for ever, and are as well as the others.

use std::collections::BTreeMap;

use shoal_membership::Liveness;

use super::{Checker, Happening};
use crate::World;

/// The rule, and what each machine was seen to believe: the digest of its members.
#[derive(Debug, Default)]
pub(super) struct HealthyKept {
    is_still: bool,
    seen: BTreeMap<usize, u64>,
}

impl Checker for HealthyKept {
    fn name(&self) -> &'static str {
        "a healthy member is not removed"
    }

    fn heard(&mut self, _world: &World, happening: &Happening) {
        self.is_still |= matches!(happening, Happening::Still);
    }

    fn after_event(&mut self, world: &World, machine: usize) -> Result<(), String> {
        let Some(peer) = &world.machines[machine].peer else {
            return Ok(());
        };
        let digest = peer.membership().digest();
        if !self.is_still || self.seen.insert(machine, digest) == Some(digest) {
            return Ok(());
        }
        let running = world.running();
        let dead = running.iter().find(|one| {
            let known = peer.membership().member(world.machines[**one].id());
            known.is_some_and(|(_, liveness)| liveness == Liveness::Down)
        });
        match dead {
            Some(dead) => Err(format!(
                "n{} takes n{} for dead, which runs",
                machine + 1,
                dead + 1
            )),
            None => Ok(()),
        }
    }
}
