//! The one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: a task's parent and its program start here, and stay small.
    shoal::runtime::dispatch(std::env::args_os()).unwrap_or(ExitCode::SUCCESS)
}
