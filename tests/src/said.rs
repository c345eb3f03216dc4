//! How a command ended, and what it said.

use std::process::Output;

use serde_json::Value;

/// The end of a command.
#[derive(Clone, Debug)]
pub struct Said {
    /// Exit status; -1: killed by a signal.
    pub status: i32,
    /// All of its stdout.
    pub out: String,
    /// All of its stderr.
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Said {
    /// Its stdout, trimmed.
    ///
    /// # Panics
    /// If the command failed.
    #[track_caller]
    pub fn ok(&self) -> &str {
        assert_eq!(self.status, 0, "the command failed: {self:?}");
        self.out.trim()
    }

    /// Its stdout, or what went wrong.
    ///
    /// # Errors
    /// If the command failed.
    pub fn checked(&self) -> Result<&str, String> {
        match self.status {
            0 => Ok(self.out.trim()),
            _ => Err(format!("{self:?}")),
        }
    }

    /// Its stdout as one JSON object a line.
    ///
    /// # Errors
    /// If the command failed, or printed something else.
    pub fn rows(&self) -> Result<Vec<Value>, String> {
        let lines = self.checked()?.lines();
        lines
            .map(|line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}")))
            .collect()
    }

    /// That it was refused: status 1, one clear message on stderr with all of these words in it,
    /// nothing on stdout, no panic.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn refused(&self, words: &[&str]) {
        assert_eq!(self.status, 1, "{self:?}");
        assert!(self.out.is_empty(), "{self:?}");
        assert!(!self.err.contains("panicked"), "{self:?}");
        let message = self.err.trim_end().lines().last().unwrap_or_default();
        for word in words {
            assert!(
                message.contains(word),
                "no {word:?} in {message:?}; {self:?}"
            );
        }
    }
}
