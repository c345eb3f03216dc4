//! Where a command writes: data to one stream, everything else to the other.
//!
//! Commands never touch the process's streams themselves, so that tests read what they print.

use std::io::{self, IsTerminal, Write};

use super::error::CliError;

/// The two streams of a command.
pub(crate) struct Output {
    data: Box<dyn Write + Send>,
    notes: Box<dyn Write + Send>,
    /// Whether notes go to a terminal, where lines can be redrawn.
    pub(crate) redraws: bool,
}

impl Output {
    /// The streams of this process.
    pub(crate) fn process() -> Self {
        Self {
            data: Box::new(io::BufWriter::new(io::stdout())),
            notes: Box::new(io::stderr()),
            redraws: io::stderr().is_terminal(),
        }
    }

    /// Other streams.
    #[cfg(test)]
    pub(crate) fn to(data: Box<dyn Write + Send>, notes: Box<dyn Write + Send>) -> Self {
        Self {
            data,
            notes,
            redraws: false,
        }
    }

    /// Writes data, without a newline.
    pub(crate) fn data(&mut self, text: impl AsRef<[u8]>) -> Result<(), CliError> {
        Ok(self.data.write_all(text.as_ref())?)
    }

    /// Writes a line of data.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), CliError> {
        self.data(text)?;
        self.data("\n")
    }

    /// Makes sure that the data written so far is out. Data comes before notes that follow it.
    pub(crate) fn flush(&mut self) -> Result<(), CliError> {
        Ok(self.data.flush()?)
    }

    /// Writes what is not data (errors, warnings, progress), without a newline.
    pub(crate) fn raw_note(&mut self, text: impl AsRef<[u8]>) -> Result<(), CliError> {
        self.flush()?;
        self.notes.write_all(text.as_ref())?;
        Ok(self.notes.flush()?)
    }

    /// Writes a line that is not data.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), CliError> {
        self.raw_note(format!("{text}\n"))
    }
}
