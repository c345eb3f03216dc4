//! In the end all that may run a task with a secret can open it, if anybody who can is left.
//!
//! Why: a service moves to any of them when a machine dies, and that is no time to look for a key.

use super::Checker;
use crate::World;

/// The rule.
#[derive(Debug)]
pub(super) struct Secrets;

impl Checker for Secrets {
    fn name(&self) -> &'static str {
        "secrets are sealed to all that may need them"
    }

    fn at_rest(&self, world: &World) -> Result<(), String> {
        for (index, machine) in world.machines.iter().enumerate() {
            let Some(peer) = &machine.peer else { continue };
            for (secret, [held, wanted]) in peer.readers() {
                let living = world.running();
                let mut living = living.iter().map(|one| world.machines[*one].id());
                let is_lost = !living.any(|node| held.contains(&node));
                let lacking = wanted.difference(&held).next();
                if let Some(node) = lacking.filter(|_| !is_lost) {
                    return Err(format!(
                        "n{}: {secret} is not sealed to {node}, which may need it",
                        index + 1
                    ));
                }
            }
        }
        Ok(())
    }
}
