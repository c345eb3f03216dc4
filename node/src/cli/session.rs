//! What a command works with: the agent, the output and the time.

use jiff::Timestamp;

use super::{
    client::{Client, Written},
    error::CliError,
    format::words::harmless,
    output::Output,
};

/// One run of a client command.
pub(crate) struct Session {
    /// The agent it speaks to.
    pub(crate) client: Client,
    /// Where it writes.
    pub(crate) out: Output,
    /// Wall time, for "3 minutes ago".
    pub(crate) now: fn() -> Timestamp,
}

impl Session {
    /// Shows the warnings that came with a write.
    pub(crate) fn warn(&mut self, written: &Written) -> Result<(), CliError> {
        for warning in &written.warnings {
            self.out.note(&format!("warning: {}", harmless(warning)))?;
        }
        Ok(())
    }
}
