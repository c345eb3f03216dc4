//! All points of an experiment with all seeds, on many threads, each run kept as soon as it has finished.
//!
//! An interrupt or a kill loses no more than what was running: the next start with the same folder
//! goes on where it stopped. Clock, threads and disk are here, and never in a run. The idea of
//! experiments as data, results kept a run at a time: s2n-quic's simulator.

mod experiment;
mod host;
mod options;
mod outcome;
mod progress;
mod session;
mod stop;
mod workers;

pub use experiment::Experiment;
pub use options::Options;
pub use outcome::{Finished, run};
pub use progress::{OnStderr, Progress, Silent};
pub use session::sweep;
pub use stop::Stop;
