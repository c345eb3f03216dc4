//! `shoal-sim`: whole clusters in virtual time, from the command line.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
