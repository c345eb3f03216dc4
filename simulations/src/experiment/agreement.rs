//! From the last thing that was done until all see one another and hold the same registry, for good.

use std::time::Duration;

use super::Figures;
use crate::{
    World,
    plan::{Measure, Plan},
};

/// How exact the time is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Since when all agree.
#[derive(Debug)]
pub(super) struct Agreement {
    is_wanted: bool,
    since: Option<Duration>,
    looked_at: Duration,
}

impl Agreement {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            is_wanted: plan.measure.contains(&Measure::Convergence),
            since: None,
            looked_at: Duration::ZERO,
        }
    }

    pub(super) fn next_look(&self, now: Duration) -> Option<Duration> {
        self.is_wanted.then_some(now + LOOK_EVERY)
    }

    /// Looks. What held before something was done last, does not count.
    pub(super) fn look(&mut self, world: &World, last_change: Option<Duration>) {
        let now = world.now();
        if !self.is_wanted || now < self.looked_at + LOOK_EVERY {
            return;
        }
        self.looked_at = now;
        let is_old = |since: &Duration| last_change.is_some_and(|change| *since < change);
        if self.since.as_ref().is_some_and(is_old) {
            self.since = None;
        }
        let running = world.running();
        let agree = world.registries_agree() && world.all_see(&running, &running);
        self.since = agree.then(|| self.since.unwrap_or(now));
    }

    /// The time; not a number if they did not agree in the end.
    pub(super) fn conclude(&self, last_change: Option<Duration>, figures: &mut Figures) {
        if self.is_wanted {
            let change = last_change.unwrap_or_default();
            let took = self
                .since
                .map(|since| since.saturating_sub(change).as_secs_f64());
            figures.measure("converged_s", took.unwrap_or(f64::NAN));
        }
    }
}
