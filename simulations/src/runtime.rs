//! What a machine's runtime does with tasks: how long it takes, and how often it goes wrong.

use std::{ops::RangeInclusive, time::Duration};

use rand::{Rng, RngExt};

/// A command that ends with an error soon after each start.
pub(crate) const CRASHES: &str = "crashes";
/// A command that comes to its end soon after each start.
pub(crate) const ENDS: &str = "ends";
/// A command that no machine has.
pub(crate) const MISSING: &str = "missing";

/// How runtimes behave; every time is drawn evenly from its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Runtime {
    /// From the order to start until the task runs, once its image is there.
    pub start: RangeInclusive<Duration>,
    /// How long an image takes to arrive, the first time that a machine needs it.
    pub pull: RangeInclusive<Duration>,
    /// From the order to stop until the task has stopped.
    pub stop: RangeInclusive<Duration>,
    /// Share of starts, 0 to 1, whose task ends with an error soon after it came to run.
    pub crash_share: f64,
    /// Share of starts, 0 to 1, that the machine refuses (no such image, no room).
    pub reject_share: f64,
}

impl Default for Runtime {
    /// Starts take 20 ms, stops 10 ms, images are there, nothing goes wrong.
    fn default() -> Self {
        let exactly = |millis| Duration::from_millis(millis)..=Duration::from_millis(millis);
        Self {
            start: exactly(20),
            pull: exactly(0),
            stop: exactly(10),
            crash_share: 0.0,
            reject_share: 0.0,
        }
    }
}

/// What is to become of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// It runs after this time.
    Runs(Duration),
    /// It runs after the first, and fails after the second.
    Fails(Duration, Duration),
    /// It runs after the first, and comes to its end after the second.
    Ends(Duration, Duration),
    /// It is refused after this time.
    Rejected(Duration),
}

/// A task that crashes, or comes to its end, does so within this time.
const CRASH_WITHIN: Duration = Duration::from_secs(2);

impl Runtime {
    /// What becomes of a start. `needs_pull`: the image is not there yet.
    pub(crate) fn course(&self, command: &str, needs_pull: bool, rng: &mut impl Rng) -> Course {
        let pull = match needs_pull {
            true => between(&self.pull, rng),
            false => Duration::ZERO,
        };
        let runs = pull + between(&self.start, rng);
        if command == MISSING {
            return Course::Rejected(pull);
        }
        if command == CRASHES {
            return Course::Fails(runs, runs + CRASH_WITHIN.mul_f64(rng.random()));
        }
        if self.reject_share > 0.0 && rng.random_bool(self.reject_share) {
            return Course::Rejected(pull);
        }
        if self.crash_share > 0.0 && rng.random_bool(self.crash_share) {
            return Course::Fails(runs, runs + CRASH_WITHIN.mul_f64(rng.random()));
        }
        if command == ENDS {
            return Course::Ends(runs, runs + CRASH_WITHIN.mul_f64(rng.random()));
        }
        Course::Runs(runs)
    }
}

/// A time from the range.
pub(crate) fn between(range: &RangeInclusive<Duration>, rng: &mut impl Rng) -> Duration {
    match range.start() >= range.end() {
        true => *range.start(),
        false => *range.start() + (*range.end() - *range.start()).mul_f64(rng.random()),
    }
}
