//! The command line of the simulator. Figures and findings on stdout, progress on stderr; exit status
//! 0, 1 if a rule did not hold, 2 for bad usage.

mod bugs;
mod fuzz;
mod minimise;
mod plans;
mod replay;
mod report;
mod run;
mod seeds;

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand};

/// Whole clusters in virtual time, exactly repeatable
#[derive(Parser, Debug)]
#[command(name = "shoal-sim", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Random clusters, orders and faults; then quiet, and everything must come right
    Fuzz(fuzz::FuzzArgs),
    /// Make a failing seed of fuzz as short as can be
    Minimise(minimise::MinimiseArgs),
    /// Run a seed of fuzz, or of a plan, again, and show what happens
    Replay(replay::ReplayArgs),
    /// Run a plan once
    Run(run::RunArgs),
    /// Run a plan at all its points and with many seeds, and report
    Sweep(run::SweepArgs),
    /// The plans that this program brings along
    Plans(plans::PlansArgs),
    /// Tables, figures and one page from a folder of results, made anew
    Report(report::ReportArgs),
    /// The known bugs that can be put back, and the rule that catches each
    Bugs,
}

/// Runs the program.
pub(crate) fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Minimise(args) => minimise::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Sweep(args) => run::sweep(&args),
        Command::Plans(args) => plans::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Bugs => bugs::run(),
    }
}

/// A line on stdout. Who reads it may be gone: then there is nobody to tell.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line on stderr.
fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
