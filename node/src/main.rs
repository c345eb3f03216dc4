//! The `shoal` binary. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: a task's parent and its program start here, and stay small.
    if let Some(code) = shoal::runtime::dispatch(std::env::args_os()) {
        return code;
    }
    // What `shoal demo` deploys.
    if let Some(code) = shoal::demo::dispatch(std::env::args_os()) {
        return code;
    }
    shoal::cli::run(&shoal::whole(), std::env::args_os())
}
