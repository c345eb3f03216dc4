//! The `shoal` binary. All of it is in the library: see `shoal::cli`.

use std::process::ExitCode;

use shoal::cli::{self, Entry};

fn main() -> ExitCode {
    cli::run(&Entry::client_only(), std::env::args_os())
}
