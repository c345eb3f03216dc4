//! `shoal-sim replay`: a run again, with what the nodes say while it runs: who knew what, when.

use std::{
    ops::RangeInclusive,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Args;
use shoal_sim::{
    bugs::{self, Bug},
    fuzz::{self, Case, MACHINES_MAX, MACHINES_MIN, Script},
    moment,
};
use tracing_subscriber::{
    fmt::{format::Writer, time::FormatTime},
    layer::{Context, Filter, Layer, SubscriberExt},
    util::SubscriberInitExt,
};

use super::{run as plan_runs, say};

/// Options of `replay`.
#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// A plan's file, or the name of one that comes along (shoal-sim plans) [default: a run of fuzz]
    #[arg(value_name = "PLAN")]
    plan: Option<PathBuf>,
    /// The seed
    #[arg(long, value_name = "N")]
    seed: u64,
    /// Only what this node says, from 1
    #[arg(long, value_name = "X", value_parser = clap::value_parser!(u64).range(1..))]
    node: Option<u64>,
    /// From this second of virtual time on
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    from: f64,
    /// Up to this second
    #[arg(long, value_name = "SECONDS", default_value_t = 1e9, value_parser = seconds)]
    to: f64,
    /// How much they say: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    level: tracing::Level,
    /// Set a field of the plan, such as cluster.nodes=9 or links.loss="20 %"
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = plan_runs::setting, requires = "plan")]
    settings: Vec<(String, toml::Value)>,
    /// Of fuzz: a cluster of so many machines, whatever the seed says
    #[arg(long, value_name = "N", value_parser = machines, conflicts_with = "plan")]
    machines: Option<usize>,
    /// Of fuzz: only these acts, as `shoal-sim minimise` names them
    #[arg(
        long,
        value_name = "ACTS",
        default_value = "whole",
        conflicts_with = "plan"
    )]
    script: Script,
    /// Of fuzz: with this known bug put back (shoal-sim bugs)
    #[arg(long, value_name = "NAME", value_parser = super::bugs::parse, conflicts_with = "plan")]
    bug: Option<Bug>,
}

fn machines(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (MACHINES_MIN..=MACHINES_MAX).contains(number))
        .ok_or_else(|| format!("a number from {MACHINES_MIN} to {MACHINES_MAX}"))
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("a number of seconds, such as 12.5".to_owned()),
    }
}

struct Stamp;

impl FormatTime for Stamp {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        let (at, machine) = moment();
        write!(writer, "{:>12.6} n{:<3}", at.as_secs_f64(), machine + 1)
    }
}

/// Runs it.
pub(crate) fn run(args: &ReplayArgs) -> ExitCode {
    listen(args);
    match &args.plan {
        Some(plan) => plan_runs::replay(plan, args.seed, &args.settings),
        None => replay_fuzz(args),
    }
}

fn replay_fuzz(args: &ReplayArgs) -> ExitCode {
    let started = Instant::now();
    let case = Case {
        seed: args.seed,
        machines: args.machines,
        script: args.script.clone(),
    };
    let report = bugs::with(args.bug, || fuzz::run_case(&case));
    for (fault, count) in &report.faults {
        say(&format!("fault {fault}: {count}"));
    }
    say(&format!(
        "machines={} orders={}",
        report.machines, report.orders
    ));
    if let Some(violation) = &report.violation {
        let at = violation.at.as_secs_f64();
        say(&format!(
            "failed at {at:.3} s: {}: {}",
            violation.rule, violation.what
        ));
    }
    say(&format!(
        "trace {:016x} virtual_s={:.0} wall_s={:.1} events={}",
        report.trace,
        report.virtual_time.as_secs_f64(),
        started.elapsed().as_secs_f64(),
        report.events
    ));
    match report.violation {
        None => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
    }
}

/// Lets the nodes' own log lines through, within the times and of the node that were asked for.
fn listen(args: &ReplayArgs) {
    let time = |seconds: f64| Duration::from_secs_f64(seconds.min(1e9));
    let wanted = Wanted {
        times: time(args.from)..=time(args.to),
        node: args.node,
        level: args.level,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_timer(Stamp)
        .with_writer(std::io::stdout)
        .with_ansi(false)
        .with_target(false)
        .with_filter(wanted);
    // There is no other subscriber in this program.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// Which lines are shown.
struct Wanted {
    times: RangeInclusive<Duration>,
    node: Option<u64>,
    level: tracing::Level,
}

impl<S> Filter<S> for Wanted {
    fn enabled(&self, what: &tracing::Metadata<'_>, _: &Context<'_, S>) -> bool {
        let (at, machine) = moment();
        *what.level() <= self.level
            && self.times.contains(&at)
            && self.node.is_none_or(|one| one == machine as u64 + 1)
    }
}
