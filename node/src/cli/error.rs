//! How a command ends when it does not end well. Each variant has its exit status.

use std::io;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// It was not possible. Exit status 1.
    #[error("{0}")]
    Failed(String),
    /// It was asked in a way that has no meaning. Exit status 2.
    #[error("{0}")]
    Usage(String),
    /// The person pressed ^C. Exit status 130, as shells have it.
    #[error("{0}")]
    Interrupted(String),
    /// Nobody reads our output any more (`| head`). Not a failure, and nothing to say.
    #[error("the output was closed")]
    ClosedPipe,
}

impl CliError {
    /// A failure with this sentence.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// Bad usage with this sentence.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// The exit status of the process.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Interrupted(_) => 130,
            Self::ClosedPipe => 0,
        }
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Failed(format!("can't write the output: {error}")),
        }
    }
}

/// Does `act` for every item even if one fails; the failures are joined, a line each.
pub(crate) async fn each<T>(
    items: &[T],
    mut act: impl AsyncFnMut(&T) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut failures = Vec::new();
    for item in items {
        match act(item).await {
            Ok(()) => {}
            Err(CliError::Failed(message)) => failures.push(message),
            Err(other) => return Err(other),
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(CliError::Failed(failures.join("\n")))
}
