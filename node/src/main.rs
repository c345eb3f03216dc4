//! The `shoal` binary. All of it is in the library.

use std::process::ExitCode;

use shoal::cli::{self, Entry};

fn main() -> ExitCode {
    // First of all: a task's parent and its program start here, and stay small.
    if let Some(code) = shoal::runtime::dispatch(std::env::args_os()) {
        return code;
    }
    cli::run(&Entry::client_only(), std::env::args_os())
}
