//! `shoal-sim fuzz`: many seeds, on as many threads as wanted.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use clap::Args;
use shoal_sim::{
    bugs::{self, Bug},
    fuzz::{self, Report},
    marks::{self, MARKS, Reached},
};

use super::{note, say, seeds::Seeds};

/// Failures that are shown; more are only counted.
const SHOWN_MAX: usize = 20;
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Options of `fuzz`.
#[derive(Args, Debug)]
pub(crate) struct FuzzArgs {
    /// Seeds, as A..B; B is left out
    #[arg(long, value_name = "A..B", conflicts_with = "minutes")]
    seeds: Option<Seeds>,
    /// Fresh seeds for so many minutes
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..=10_080))]
    minutes: Option<u64>,
    /// Seeds at a time [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    jobs: Option<u16>,
    /// Puts a known bug back, and stops when a seed has found it: see `shoal-sim bugs`
    #[arg(long, value_name = "NAME", value_parser = super::bugs::parse)]
    bug: Option<Bug>,
}

/// What all seeds gave together.
#[derive(Debug, Default)]
struct Total {
    seeds: u64,
    failed: Vec<Report>,
    failed_count: u64,
    events: u64,
    virtual_time: Duration,
    faults: BTreeMap<&'static str, u64>,
    marks: Reached,
}

/// Runs it.
pub(crate) fn run(args: &FuzzArgs) -> ExitCode {
    let seeds = match (&args.seeds, args.minutes) {
        (Some(Seeds(seeds)), _) => seeds.clone(),
        (None, Some(_)) => fresh_seeds(),
        (None, None) if args.bug.is_some() => 0..300,
        (None, None) => 0..100,
    };
    let started = Instant::now();
    let until = args
        .minutes
        .map(|minutes| started + Duration::from_secs(minutes * 60));
    note(&format!("seeds {}..{}", seeds.start, seeds.end));
    let jobs = args.jobs.map_or_else(processors, usize::from);
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::new(Total::default());
    let is_found = || {
        let found = total.lock().is_ok_and(|total| total.failed_count > 0);
        args.bug.is_some() && found
    };
    let work = || {
        while until.is_none_or(|until| Instant::now() < until) && !is_found() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let (report, reached) = marks::reached(|| bugs::with(args.bug, || fuzz::run(seed)));
            add(&total, report, &reached, args.bug);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let mut shown = Instant::now();
        while workers.iter().any(|worker| !worker.is_finished()) {
            thread::sleep(Duration::from_millis(50));
            if shown.elapsed() >= PROGRESS_EVERY {
                shown = Instant::now();
                show_progress(&total, started, &seeds, until.is_some());
            }
        }
    });
    conclude(total.into_inner().unwrap_or_default(), started)
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Seeds that were probably never run: from the clock.
fn fresh_seeds() -> std::ops::Range<u64> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let first = now.map_or(0, |now| now.as_secs()) * 100_000;
    first..first + 100_000
}

fn add(total: &Mutex<Total>, report: Report, reached: &[bool; MARKS.len()], bug: Option<Bug>) {
    let Ok(mut total) = total.lock() else { return };
    total.marks.add(reached);
    total.seeds += 1;
    total.events += report.events;
    total.virtual_time += report.virtual_time;
    for (fault, count) in &report.faults {
        *total.faults.entry(fault).or_default() += u64::from(*count);
    }
    if report.violation.is_some() {
        total.failed_count += 1;
        if total.failed.len() < SHOWN_MAX {
            say(&failure(&report, bug));
            total.failed.push(report);
        }
    }
}

fn failure(report: &Report, bug: Option<Bug>) -> String {
    let Some(violation) = &report.violation else {
        return String::new();
    };
    let what: String = violation.what.chars().take(500).collect();
    let bug = super::bugs::option(bug);
    format!(
        "seed {} failed at {:.3} s: {}: {what}\n  again: shoal-sim replay --seed {}{bug}\n  shorter: shoal-sim minimise --seed {}{bug}",
        report.seed,
        violation.at.as_secs_f64(),
        violation.rule,
        report.seed,
        report.seed
    )
}

fn show_progress(
    total: &Mutex<Total>,
    started: Instant,
    seeds: &std::ops::Range<u64>,
    is_timed: bool,
) {
    let Ok(total) = total.lock() else { return };
    let rate = total.seeds as f64 / started.elapsed().as_secs_f64();
    let all = seeds.end - seeds.start;
    let left = (all - total.seeds.min(all)) as f64 / rate.max(1e-9);
    let rest = if is_timed {
        String::new()
    } else {
        format!(" of {all}, {left:.0} s left")
    };
    note(&format!(
        "{} seeds{rest}; {rate:.1} a second; {} failed",
        total.seeds, total.failed_count
    ));
}

fn conclude(total: Total, started: Instant) -> ExitCode {
    let wall = started.elapsed().as_secs_f64();
    let virtual_s = total.virtual_time.as_secs_f64();
    for (fault, count) in &total.faults {
        say(&format!("fault {fault}: {count}"));
    }
    for (mark, runs) in MARKS.iter().zip(total.marks.runs) {
        say(&format!(
            "mark {mark:?}: in {runs} of {} runs",
            total.marks.of
        ));
    }
    say(&format!(
        "virtual_s={virtual_s:.0} wall_s={wall:.1} events_per_s={:.0}",
        total.events as f64 / wall.max(1e-9)
    ));
    say(&format!(
        "seeds={} failed={} events={}",
        total.seeds, total.failed_count, total.events
    ));
    match total.failed_count {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
