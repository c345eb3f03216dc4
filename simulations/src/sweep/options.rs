//! How an experiment is swept.

use std::path::PathBuf;

use crate::results::SAMPLES_MAX;

/// Where to, with what, and how fast.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of results. Made if it is missing; gone on with if it holds results of the same plan.
    pub out: PathBuf,
    /// Seeds of each point. One that is there twice is run once.
    pub seeds: Vec<u64>,
    /// Runs at a time, from 1. Results do not depend on it.
    pub jobs: usize,
    /// Samples kept of a run at most. Rule of thumb: the default, unless the disk is small.
    pub samples_max: usize,
}

impl Options {
    /// Into this folder, one run at a time for each processor.
    #[must_use]
    pub fn new(out: impl Into<PathBuf>, seeds: Vec<u64>) -> Self {
        Self {
            out: out.into(),
            seeds,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            samples_max: SAMPLES_MAX,
        }
    }
}
