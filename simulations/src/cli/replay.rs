//! `shoal-sim replay`: one seed again, with what the nodes say while it runs.

use std::{
    ops::RangeInclusive,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Args;
use shoal_sim::{
    bugs::{self, Bug},
    fuzz,
};
use tracing_subscriber::{
    fmt::{format::Writer, time::FormatTime},
    layer::{Context, Filter, Layer, SubscriberExt},
    util::SubscriberInitExt,
};

use super::say;

/// Options of `replay`.
#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
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
    /// With this known bug put back: see `shoal-sim bugs`
    #[arg(long, value_name = "NAME", value_parser = super::bugs::parse)]
    bug: Option<Bug>,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("a number of seconds, such as 12.5".to_owned()),
    }
}

/// Where the run is now: the clock and the speaker of every line.
#[derive(Debug, Default)]
struct Moment {
    micros: AtomicU64,
    node: AtomicUsize,
}

struct Stamp(Arc<Moment>);

impl FormatTime for Stamp {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        let micros = self.0.micros.load(Ordering::Relaxed);
        let node = self.0.node.load(Ordering::Relaxed);
        write!(writer, "{:>12.6} n{:<3}", micros as f64 / 1e6, node + 1)
    }
}

/// Runs it.
pub(crate) fn run(args: &ReplayArgs) -> ExitCode {
    let moment = Arc::new(Moment::default());
    listen(args, &moment);
    let started = Instant::now();
    let mut watch = |at: Duration, machine| {
        let micros = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        moment.micros.store(micros, Ordering::Relaxed);
        moment.node.store(machine, Ordering::Relaxed);
    };
    let report = bugs::with(args.bug, || fuzz::run_watched(args.seed, &mut watch));
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
fn listen(args: &ReplayArgs, moment: &Arc<Moment>) {
    let micros = |seconds: f64| {
        let time = Duration::from_secs_f64(seconds.min(1e9));
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
    };
    let wanted = Wanted {
        moment: Arc::clone(moment),
        times: micros(args.from)..=micros(args.to),
        node: args.node,
        level: args.level,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_timer(Stamp(Arc::clone(moment)))
        .with_writer(std::io::stdout)
        .with_ansi(false)
        .with_target(false)
        .with_filter(wanted);
    // There is no other subscriber in this program.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// Which lines are shown.
struct Wanted {
    moment: Arc<Moment>,
    times: RangeInclusive<u64>,
    node: Option<u64>,
    level: tracing::Level,
}

impl<S> Filter<S> for Wanted {
    fn enabled(&self, what: &tracing::Metadata<'_>, _: &Context<'_, S>) -> bool {
        let at = self.moment.micros.load(Ordering::Relaxed);
        let node = self.moment.node.load(Ordering::Relaxed) as u64 + 1;
        *what.level() <= self.level
            && self.times.contains(&at)
            && self.node.is_none_or(|one| one == node)
    }
}
