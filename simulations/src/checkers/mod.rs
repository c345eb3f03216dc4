//! What must hold of every run, one rule a file, each with its reason.
//!
//! Rules of safety are looked at after every event, whatever the faults. Rules of liveness are looked
//! at when the faults have stopped and the cluster has had its time: see [`crate::fuzz`].

mod acknowledged;
mod agreement;
mod dots;
mod forgotten;
mod fsynced;
mod healthy;
mod incarnations;
mod jobs;
mod kept_running;
mod limits;
mod lives;
mod once;
mod placement;
mod quiet;
mod removed;
mod reports;
mod revoked;
mod secrets;
mod siblings;
mod updates;

use shoal_membership::NodeId;
use shoal_scheduler::registry::Key;

use crate::World;

/// Something that a rule needs to know and can't see in the world.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A person was told that the last write of this entry is safe.
    Acknowledged {
        /// By this machine.
        machine: usize,
        /// The entry.
        key: Key,
    },
    /// What was on this machine's disk is gone.
    DiskLost {
        /// Whose.
        machine: usize,
    },
    /// The removal of a member was ordered.
    Removed {
        /// Of this machine.
        machine: usize,
        /// Under this id.
        node: NodeId,
    },
    /// No more faults, and no more orders, from now on.
    Quiet,
    /// All has come to rest: from now on, and until the end, nothing is to happen.
    Still,
}

/// A rule.
pub trait Checker {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Takes note of what it can't see.
    fn heard(&mut self, _world: &World, _happening: &Happening) {}

    /// An event took place on a machine.
    ///
    /// # Errors
    /// What is wrong.
    fn after_event(&mut self, _world: &World, _machine: usize) -> Result<(), String> {
        Ok(())
    }

    /// The faults have stopped for a while: whether all is as it should be in the end.
    ///
    /// # Errors
    /// What is not, yet.
    fn at_rest(&self, _world: &World) -> Result<(), String> {
        Ok(())
    }
}

/// All rules. Of two that don't hold at the same moment the first is named, so causes come before what
/// follows from them.
#[must_use]
pub fn all() -> Vec<Box<dyn Checker + Send>> {
    vec![
        // Causes before what follows from them: the first that fails is reported.
        Box::new(healthy::HealthyKept::default()),
        Box::new(agreement::Agreement),
        Box::new(acknowledged::Acknowledged::default()),
        Box::new(dots::Dots::default()),
        Box::new(fsynced::Fsynced::default()),
        Box::new(incarnations::Incarnations::default()),
        Box::new(kept_running::KeptRunning::default()),
        Box::new(limits::Limits),
        Box::new(lives::Lives::default()),
        Box::new(placement::SamePlan),
        Box::new(once::Once),
        Box::new(jobs::Jobs),
        Box::new(secrets::Secrets),
        Box::new(quiet::Quiet::default()),
        Box::new(removed::Removed::default()),
        Box::new(reports::Reports),
        Box::new(revoked::Revoked::default()),
        Box::new(siblings::Siblings::default()),
        Box::new(updates::Updates::default()),
    ]
}
