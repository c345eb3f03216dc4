//! `shoal completion SHELL`: a script on stdout.

use clap::{Args, Command};
use clap_complete::Shell;

use super::{error::CliError, output::Output};

/// Options of `completion`.
#[derive(Args, Debug)]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(
    out: &mut Output,
    mut command: Command,
    args: &CompletionArgs,
) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "shoal", &mut script);
    out.data(script)
}
