//! `shoal-sim minimise`: a failing seed, made short.

use std::process::ExitCode;

use clap::Args;
use shoal_sim::{
    bugs::{self, Bug},
    fuzz::{self, Case, Shortened},
};

use super::{note, say};

/// Runs between two lines of progress.
const PROGRESS_EVERY: u32 = 20;

/// Options of `minimise`.
#[derive(Args, Debug)]
pub(crate) struct MinimiseArgs {
    /// The seed, which fails
    #[arg(long, value_name = "N")]
    seed: u64,
    /// Runs at most
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    /// With this known bug put back (shoal-sim bugs)
    #[arg(long, value_name = "NAME", value_parser = super::bugs::parse)]
    bug: Option<Bug>,
}

/// Runs it.
pub(crate) fn run(args: &MinimiseArgs) -> ExitCode {
    let mut progress = |left: usize, runs: u32| {
        if runs.is_multiple_of(PROGRESS_EVERY) {
            note(&format!("{runs} runs; trying with {left} acts"));
        }
    };
    let shortest = bugs::with(args.bug, || {
        fuzz::minimise(&Case::of(args.seed), args.runs, &mut progress)
    });
    match shortest {
        Some(shortest) => show(&shortest, args.bug),
        None => {
            note(&format!(
                "shoal-sim: seed {} does not fail: there is nothing to make short",
                args.seed
            ));
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn show(shortest: &Shortened, bug: Option<Bug>) {
    let Shortened { case, report, .. } = shortest;
    for done in &report.acts {
        let (at, what, step) = (done.at.as_secs_f64(), &done.what, done.act.step);
        say(&format!("{at:>12.6} step {step:<4} {what}"));
    }
    if let Some(violation) = &report.violation {
        let at = violation.at.as_secs_f64();
        let what: String = violation.what.chars().take(500).collect();
        say(&format!("{at:>12.6} fails: {}: {what}", violation.rule));
    }
    let minimal = match shortest.is_minimal {
        true => "none of them can be left out",
        false => "the runs were used up: more might be left out with more --runs",
    };
    say(&format!(
        "{} of {} acts on {} machines, after {} runs; {minimal}",
        report.acts.len(),
        shortest.acts_before,
        report.machines,
        shortest.runs
    ));
    say(&format!(
        "again: shoal-sim replay --seed {} --machines {} --script {}{}",
        case.seed,
        report.machines,
        case.script,
        super::bugs::option(bug)
    ));
}
