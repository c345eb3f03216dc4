//! Why results could not be kept or read: each names the file.

use std::{io, path::PathBuf};

use thiserror::Error;

/// What went wrong with a folder of results. Nothing that was kept before is lost by any of these.
#[derive(Debug, Error)]
pub enum ResultsError {
    /// The file system said no: no such folder, no permission, disk full.
    #[error("can't {doing} {}: {source}", path.display())]
    Io {
        /// `write`, `read`, ...
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is in a file is not what was written.
    #[error("{}, line {line}: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Another sweep writes there.
    #[error("{} is in use by another sweep: wait for its end, or choose another folder", .0.display())]
    InUse(PathBuf),
    /// What is there came of something else.
    #[error(
        "{} holds results of another {what}: {there} there, {here} now; choose another folder, or remove this one",
        path.display()
    )]
    Differs {
        /// The folder's manifest.
        path: PathBuf,
        /// `plan`, `version`, ...
        what: &'static str,
        /// What the folder has.
        there: String,
        /// What was to be run now.
        here: String,
    },
    /// Two columns of a table would have one name.
    #[error("two columns would be named {0:?}: rename an axis, a measure or a series")]
    TwoOfOneName(String),
    /// The points of an experiment do not make a table.
    #[error("{0}")]
    BadPoints(String),
    /// A Parquet file could not be written.
    #[error("can't write {}: {reason}", path.display())]
    Parquet {
        /// Which file.
        path: PathBuf,
        /// What the writer said.
        reason: String,
    },
}

impl ResultsError {
    /// To be handed to `map_err`.
    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}

/// What serde_json found, without its own count of lines: it saw one line, or the line is said already.
pub(super) fn json_reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    format!("{what}, column {}", error.column())
}
