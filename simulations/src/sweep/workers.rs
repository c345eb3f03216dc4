//! The threads of a sweep: each takes the next run that nobody has, and keeps it before it takes another.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Experiment, Options, Progress, Stop};
use crate::results::{Journal, KeptRun, Point, ResultsError};

const TICK: Duration = Duration::from_millis(50);

/// A run that is to be done.
pub(super) struct Job<'a> {
    pub(super) point: &'a Point,
    pub(super) seed: u64,
}

/// Does them all, or until somebody wishes to stop or one can't be kept.
pub(super) fn work(
    experiment: &dyn Experiment,
    options: &Options,
    jobs: &[Job<'_>],
    journal: &mut Journal,
    (stop, progress): (&Stop, &dyn Progress),
) -> Result<(), ResultsError> {
    let next = AtomicUsize::new(0);
    let keeping = Mutex::new((journal, None));
    let is_over = Stop::default();
    let one_worker = || {
        while !stop.is_wanted() && !is_over.is_wanted() {
            let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            let run = perform(experiment, job, options.samples_max);
            // Nothing panics while it is held.
            let mut keeping = keeping.lock().unwrap_or_else(PoisonError::into_inner);
            match keeping.0.append(&run) {
                Ok(()) => progress.kept(run.failure.is_some()),
                Err(error) => {
                    is_over.stop();
                    keeping.1.get_or_insert(error);
                }
            }
        }
    };
    thread::scope(|scope| {
        let count = options.jobs.clamp(1, jobs.len().max(1));
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(one_worker)).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            thread::sleep(TICK);
            progress.tick();
        }
    });
    let (_, error) = keeping.into_inner().unwrap_or_else(PoisonError::into_inner);
    error.map_or(Ok(()), Err)
}

/// One run. A panic in it is that run's failure and no other's.
fn perform(experiment: &dyn Experiment, job: &Job<'_>, samples_max: usize) -> KeptRun {
    let started = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| experiment.run(job.point, job.seed)));
    let outcome = outcome.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("no reason given")))
    });
    let wall_s = started.elapsed().as_secs_f64();
    KeptRun::new(job.point.clone(), job.seed, wall_s, outcome, samples_max)
}
