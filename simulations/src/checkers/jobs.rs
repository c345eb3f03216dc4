//! In the end every run of a job that has a place has been made, and all know it.
//!
//! Why: it is what people ordered; and what was done is not to be done again by whoever gets the slot next.

use super::Checker;
use crate::World;

/// The rule.
#[derive(Debug)]
pub(super) struct Jobs;

impl Checker for Jobs {
    fn name(&self) -> &'static str {
        "jobs come to their end"
    }

    fn at_rest(&self, world: &World) -> Result<(), String> {
        for (index, machine) in world.machines.iter().enumerate() {
            let Some(peer) = &machine.peer else { continue };
            let (_, plan) = peer.placement();
            for (service, job) in peer.jobs() {
                let mut owned = plan.iter().filter(|(of, ..)| *of == service);
                let left = owned.find_map(|(_, slot, _)| Some((slot, job.next(slot)?)));
                if let Some((slot, run)) = left {
                    return Err(format!(
                        "n{}: run {run} of slot {slot} of {service} was not made: {job:?}",
                        index + 1
                    ));
                }
            }
        }
        Ok(())
    }
}
