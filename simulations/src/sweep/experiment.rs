//! What a sweep runs.

use crate::results::{Comparison, Figure, Point, RunRecord};

/// An experiment: what is varied, and what a run of it gives. A run depends on nothing but its point
/// and its seed.
pub trait Experiment: Sync {
    /// A short name, such as `detection`.
    fn name(&self) -> &str;

    /// The plan as it was written down, to the letter. Results of another plan are not mixed with its own.
    fn plan(&self) -> &str;

    /// What is varied: all points with the same axes, in the order in which they are shown. An axis
    /// that is a number carries its unit in its name.
    fn points(&self) -> Vec<Point>;

    /// One run, on a thread of its own among others.
    ///
    /// # Errors
    ///
    /// The rule that did not hold, or why there is nothing to measure, with its time in the run. The run
    /// is kept as failed, and the sweep goes on.
    fn run(&self, point: &Point, seed: u64) -> Result<RunRecord, String>;

    /// Figures for the report. It chooses some itself if there are none.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }

    /// Variants to be compared. By default each axis with two values compares the second with the first.
    fn comparisons(&self) -> Vec<Comparison> {
        Vec::new()
    }
}
