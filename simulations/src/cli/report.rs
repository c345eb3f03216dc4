//! `shoal-sim report`: the page and the figures of a folder of results, made anew.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use clap::{Args, ValueEnum};
use shoal_sim::report;

use super::{note, say};

/// Options of `report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// The folder that a sweep left
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Whether to show it in a browser [default: yes on a terminal]
    #[arg(long, value_name = "WHETHER")]
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Open {
    /// Show it
    Yes,
    /// Only write it
    No,
}

/// Runs it.
pub(crate) fn run(args: &ReportArgs) -> ExitCode {
    let written = match report::write(&args.folder) {
        Ok(written) => written,
        Err(error) => {
            note(&format!("shoal-sim: {error}"));
            return ExitCode::from(2);
        }
    };
    say(written.summary.trim_end());
    say(&format!("report: {}", written.page.display()));
    let is_wanted = match args.open {
        Some(open) => open == Open::Yes,
        None => std::io::stdout().is_terminal(),
    };
    if is_wanted && !open(&written.page) {
        note("no browser was found; open the page yourself");
    }
    ExitCode::SUCCESS
}

/// Hands the page to whatever shows pages here. That outlives this program, and says nothing on our terminal.
fn open(page: &Path) -> bool {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let mut command = Command::new(program);
    command.arg(page).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}
