//! Health checks, with Docker's rules (`HealthConfig`): a check runs every interval; failures in
//! the start period do not count before the first success; so many failures in a row are
//! unhealthy. A check that does not end in time has failed, and is killed.

use std::{path::PathBuf, process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use shoal_scheduler::spec::Healthcheck;
use tokio::{
    process::{Child, Command},
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::SUBCOMMAND;

const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_START_INTERVAL: Duration = Duration::from_secs(5);
const DEFAULT_RETRIES: u32 = 3;
/// Shortest pause between two checks, whatever the spec says: Docker's.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// What the checks say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Healthy,
    Unhealthy,
}

/// The rules of one check, without its clock and processes.
#[derive(Debug)]
struct Rules {
    interval: Duration,
    start_interval: Duration,
    start_period: Duration,
    retries: u32,
    was_healthy: bool,
    failures: u32,
}

/// How long one check may take.
pub(super) fn timeout_of(check: &Healthcheck) -> Duration {
    positive(check.timeout).unwrap_or(DEFAULT_TIMEOUT)
}

fn positive(duration: Option<Duration>) -> Option<Duration> {
    duration.filter(|duration| !duration.is_zero())
}

impl Rules {
    fn new(check: &Healthcheck, was_healthy: bool) -> Self {
        Self {
            interval: positive(check.interval).unwrap_or(DEFAULT_INTERVAL),
            start_interval: positive(check.start_interval).unwrap_or(DEFAULT_START_INTERVAL),
            start_period: check.start_period.unwrap_or_default(),
            retries: match check.retries {
                0 => DEFAULT_RETRIES,
                retries => retries,
            },
            was_healthy,
            failures: 0,
        }
    }

    fn is_starting(&self, age: Duration) -> bool {
        !self.was_healthy && age < self.start_period
    }

    /// Pause before the next check of a task of this age.
    fn pause(&self, age: Duration) -> Duration {
        let pause = match self.is_starting(age) {
            true => self.start_interval,
            false => self.interval,
        };
        pause.max(INTERVAL_MIN)
    }

    /// Takes the result of one check. Tells when the task's health is decided anew.
    fn judge(&mut self, age: Duration, is_good: bool) -> Option<Verdict> {
        if is_good {
            self.failures = 0;
            let was_healthy = std::mem::replace(&mut self.was_healthy, true);
            return (!was_healthy).then_some(Verdict::Healthy);
        }
        if self.is_starting(age) {
            return None;
        }
        self.failures += 1;
        (self.failures >= self.retries).then_some(Verdict::Unhealthy)
    }
}

/// Checks a task until it is unhealthy or nobody listens. Reports the first success, unless the
/// task was healthy before.
pub(super) async fn watch(
    binary: PathBuf,
    program: PathBuf,
    check: Healthcheck,
    age: Duration,
    was_healthy: bool,
    verdicts: mpsc::Sender<Verdict>,
) {
    let began = Instant::now();
    let age = || age.saturating_add(began.elapsed());
    let mut rules = Rules::new(&check, was_healthy);
    loop {
        sleep(rules.pause(age())).await;
        let is_good = run(&binary, &program, timeout_of(&check)).await;
        let Some(verdict) = rules.judge(age(), is_good) else {
            continue;
        };
        if verdicts.send(verdict).await.is_err() || verdict == Verdict::Unhealthy {
            return;
        }
    }
}

/// Runs one check. Good is: it ended in time, with status 0.
async fn run(binary: &PathBuf, program: &PathBuf, limit: Duration) -> bool {
    let mut command = Command::new(binary);
    command
        .arg(SUBCOMMAND)
        .arg(program)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(child) = command.spawn() else {
        return false;
    };
    let mut group = Group(child);
    let ended = timeout(limit, group.0.wait()).await;
    matches!(ended, Ok(Ok(status)) if status.success())
}

/// A check and its children: killed when it is dropped before its end.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // None: it ended, and its id may be another's.
        let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok()) else {
            return;
        };
        // It may have no group of its own yet, or be gone.
        let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(start_period_s: u64, retries: u32) -> Rules {
        let check = Healthcheck {
            start_period: Some(Duration::from_secs(start_period_s)),
            retries,
            ..Healthcheck::default()
        };
        Rules::new(&check, false)
    }

    const EARLY: Duration = Duration::from_secs(1);
    const LATE: Duration = Duration::from_secs(100);

    #[test]
    fn so_many_failures_in_a_row_are_unhealthy() {
        let mut rules = rules(0, 2);
        assert_eq!(rules.judge(LATE, false), None);
        assert_eq!(rules.judge(LATE, true), Some(Verdict::Healthy));
        assert_eq!(rules.judge(LATE, false), None);
        assert_eq!(rules.judge(LATE, true), None);
        assert_eq!(rules.judge(LATE, false), None);
        assert_eq!(rules.judge(LATE, false), Some(Verdict::Unhealthy));
    }

    #[test]
    fn failures_while_starting_do_not_count_until_the_first_success() {
        let mut rules = rules(10, 1);
        assert_eq!(rules.pause(EARLY), DEFAULT_START_INTERVAL);
        assert_eq!(rules.judge(EARLY, false), None);
        assert_eq!(rules.judge(EARLY, true), Some(Verdict::Healthy));
        assert_eq!(rules.pause(EARLY), DEFAULT_INTERVAL);
        assert_eq!(rules.judge(EARLY, false), Some(Verdict::Unhealthy));
    }

    #[test]
    fn zero_takes_dockers_defaults() {
        let rules = Rules::new(&Healthcheck::default(), false);
        assert_eq!(rules.retries, 3);
        assert_eq!(rules.pause(LATE), Duration::from_secs(30));
        assert_eq!(timeout_of(&Healthcheck::default()), Duration::from_secs(30));
    }
}
