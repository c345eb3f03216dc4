//! How far an update of a service is: which slots may give up a task that is well, whether it is over,
//! and whether too many have failed. A pure function of what everybody reports; each node works it out
//! for itself, and acts on its own slots alone.
//!
//! Slots go in batches of `Parallelism`, in their order. A batch may go when every slot of the earlier
//! ones runs the new spec and has done so for `Monitor`, or `Delay` if that is longer. So whoever knows
//! less than others waits longer, and nobody has to be asked: a batch is never begun early, and no more
//! slots are down for an update's sake than one batch has. A slot that has nothing running takes the
//! new spec at once, as on Swarm: it has nothing to lose. What is down for the sake of an update that a
//! later one replaced still counts for the batch.
//!
//! Swarm's own (`manager/orchestrator/update/updater.go`) has one manager hand slots to `Parallelism`
//! workers, and does not wait for `Monitor`.

mod stage;

use std::{collections::BTreeSet, time::Duration};

pub use stage::{Finding, Stage, UpdateKind};

use crate::{
    spec::{FailureAction, UpdateConfig},
    task::{Slot, TaskId},
};

/// Swarm's default of `Monitor`.
const MONITOR: Duration = Duration::from_secs(5);
/// An update that replaces one under way waits this long, so that all have heard what that one has stopped.
const AFTER_ANOTHER: Duration = Duration::from_secs(2);

impl UpdateConfig {
    /// Time in which a started task's failure counts.
    #[must_use]
    pub fn monitor(&self) -> Duration {
        self.monitor.unwrap_or(MONITOR)
    }
}

/// What is known of a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotSeen {
    /// Whether some node is to run it.
    pub has_owner: bool,
    /// Some task of it runs, and is healthy.
    pub runs: bool,
    /// Since when this node has seen a task of the new spec run there (monotonic).
    pub updated_since: Option<Duration>,
    /// It has, or had, a task that was made by this update.
    pub is_touched: bool,
    /// Its newest task is of another spec: it runs that, or has stopped it and has no other yet.
    pub is_between: bool,
    /// A task that was made by this update and failed in time to count.
    pub failed: Option<TaskId>,
}

impl SlotSeen {
    /// Whether it is nobody's, and no update has made it so: a paused node that gives up a task takes no
    /// other, and who knows whether another node does.
    fn fits_nowhere(&self) -> bool {
        !self.has_owner && (self.runs || !self.is_between)
    }

    /// Whether it has come to the new spec and failed there.
    fn has_failed_since(&self) -> bool {
        self.failed.is_some() && !self.is_between
    }
}

/// An update, as this node sees it.
#[derive(Clone, Debug)]
pub struct Rollout<'a> {
    /// How it goes through the slots.
    pub config: &'a UpdateConfig,
    /// Whether it goes on: no node has found it paused.
    pub goes_on: bool,
    /// It replaced another that was not over, and this node heard of it then (monotonic).
    pub after_another: Option<Duration>,
    /// All slots there should be, in their order.
    pub slots: &'a [(Slot, SlotSeen)],
}

/// What follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Slots that may give up a task of another spec that is well, or have.
    pub open: BTreeSet<Slot>,
    /// Slots that the update has not come to, once it has stopped.
    pub behind: BTreeSet<Slot>,
    /// Every slot has come to the new spec, or its failure is tolerated.
    pub is_finished: bool,
    /// More have failed than is tolerated: the task that says so.
    pub failed: Option<TaskId>,
    /// When to look again if nothing else happens (monotonic).
    pub look_again_at: Option<Duration>,
}

impl Rollout<'_> {
    /// Looks at all slots.
    #[must_use]
    pub fn look(&self, now: Duration) -> Progress {
        let failures = self.slots.iter().filter_map(|(_, seen)| seen.failed);
        let tolerated = self.config.max_failure_ratio * self.slots.len() as f64;
        let is_too_many = failures.clone().count() as f64 > tolerated;
        let stops = is_too_many && self.config.failure_action != FailureAction::Continue;
        let mut progress = Progress {
            failed: failures.min().filter(|_| stops),
            ..Progress::default()
        };
        let open = match self.goes_on && !stops {
            true => self.open(now, &mut progress),
            false => 0,
        };
        let is_open = |(at, (_, seen)): &(usize, &(Slot, SlotSeen))| {
            *at < open || seen.updated_since.is_some()
        };
        let opened = self.slots.iter().enumerate().filter(is_open);
        progress.open = opened.map(|(_, (slot, _))| *slot).collect();
        let is_behind = |(_, seen): &&(Slot, SlotSeen)| {
            !self.goes_on && !seen.is_touched && seen.updated_since.is_none()
        };
        let behind = self.slots.iter().filter(is_behind);
        progress.behind = behind.map(|(slot, _)| *slot).collect();
        progress
    }

    /// How many slots, from the first, may be updated now.
    fn open(&self, now: Duration, progress: &mut Progress) -> usize {
        let size = match usize::try_from(self.config.parallelism).unwrap_or(usize::MAX) {
            0 => self.slots.len().max(1),
            size => size,
        };
        let monitor = self.config.monitor();
        let between = self.config.delay.unwrap_or_default().max(monitor);
        let is_over = |seen: &SlotSeen, wait: Duration, progress: &mut Progress| {
            if seen.fits_nowhere() || seen.has_failed_since() {
                return true;
            }
            let at = seen.updated_since.map(|since| since.saturating_add(wait));
            match at {
                Some(at) if at > now => {
                    let again = progress.look_again_at.map_or(at, |other| other.min(at));
                    progress.look_again_at = Some(again);
                    false
                }
                Some(_) => true,
                None => false,
            }
        };
        let mut open = 0;
        for batch in self.slots.chunks(size) {
            if !self.has_room_for(batch, size, now, progress) {
                return open;
            }
            open += batch.len();
            let wait = if open == self.slots.len() {
                monitor
            } else {
                between
            };
            // All of them are looked at: the first of their times to come is when to look again.
            let over = batch
                .iter()
                .filter(|(_, seen)| is_over(seen, wait, progress));
            if over.count() < batch.len() {
                return open;
            }
        }
        // One that fits nowhere holds nobody up, but who knows whether the new spec runs there?
        let fits =
            |(slot, seen): &(Slot, SlotSeen)| seen.has_owner || matches!(slot, Slot::Node(_));
        progress.is_finished = self.slots.iter().all(fits);
        open
    }

    /// Whether so few slots are down elsewhere that these may be as well.
    fn has_room_for(
        &self,
        batch: &[(Slot, SlotSeen)],
        size: usize,
        now: Duration,
        progress: &mut Progress,
    ) -> bool {
        let may_stop = |seen: &SlotSeen| seen.runs && seen.updated_since.is_none();
        let stopped = batch.iter().filter(|(_, seen)| may_stop(seen)).count();
        if stopped == 0 {
            return true;
        }
        let begins = self
            .after_another
            .map(|at| at.saturating_add(AFTER_ANOTHER));
        if let Some(begins) = begins.filter(|begins| *begins > now) {
            progress.look_again_at = Some(begins);
            return false;
        }
        let is_down =
            |seen: &SlotSeen| !seen.fits_nowhere() && !seen.runs && !seen.has_failed_since();
        let down = self.slots.iter().filter(|(_, seen)| is_down(seen)).count();
        let down_here = batch.iter().filter(|(_, seen)| is_down(seen)).count();
        (down - down_here).saturating_add(batch.len()) <= size
    }
}

#[cfg(test)]
mod tests;
