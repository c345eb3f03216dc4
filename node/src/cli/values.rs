//! Values of options that several commands share.

use std::time::Duration;

use clap::{Args, ValueEnum};
use shoal_scheduler::order::WriteConcern;

use super::format::duration;

/// How many nodes must hold a write on disk before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Concern {
    /// The node that takes it
    Local,
    /// And one other live node, if there is one
    One,
    /// More than half of the roster
    Majority,
    /// All of the roster
    All,
}

impl Concern {
    /// The word in a request.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::One => "one",
            Self::Majority => "majority",
            Self::All => "all",
        }
    }
}

impl From<Concern> for WriteConcern {
    fn from(concern: Concern) -> Self {
        match concern {
            Concern::Local => Self::Local,
            Concern::One => Self::One,
            Concern::Majority => Self::Majority,
            Concern::All => Self::All,
        }
    }
}

/// The option of every command that writes.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct WriteArgs {
    /// How many nodes must hold the change before it is acknowledged [default: the agent's]
    #[arg(long, value_enum)]
    write_concern: Option<Concern>,
}

impl WriteArgs {
    /// The word in a request.
    pub(crate) fn word(self) -> Option<&'static str> {
        self.write_concern.map(Concern::word)
    }
}

/// Reads `KEY=VALUE`; a key alone has an empty value.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.trim().is_empty() {
        return Err(format!("{text:?} has no key; write KEY=VALUE"));
    }
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// Reads a duration, for clap.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    duration::parse(text)
}

/// A duration in Docker's JSON: whole nanoseconds.
pub(crate) fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
