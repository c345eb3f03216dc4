//! Why the demo ends before its end.

use std::io;

use crate::cli::CliError;

/// The reasons. Whichever it is, everything is stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemoError {
    /// Something did not work; a sentence for the person.
    #[error("{0}")]
    Failed(String),
    /// ^C, or another signal that asks a process to end.
    #[error("interrupted")]
    Interrupted,
    /// Nobody reads the output any more (`| head`).
    #[error("the output was closed")]
    OutputClosed,
}

impl DemoError {
    /// A failure with this sentence.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// What writing the output said.
    pub(super) fn of_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Failed(format!("can't write the output: {error}")),
        }
    }
}

impl From<CliError> for DemoError {
    fn from(error: CliError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<String> for DemoError {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}
