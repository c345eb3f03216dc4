//! What is wrong with a Compose file, and where.
//!
//! Findings are collected, not thrown: one run names everything that it can see. What is shown is
//! sorted by place and limited, as is what is kept.

use std::fmt;

use super::node::At;

/// Most errors, and most warnings, that are kept; a million mistakes need no million lines.
const KEPT_MAX: usize = 1_000;
/// Most errors that [`ComposeErrors`] prints.
const SHOWN_MAX: usize = 50;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is not deployed.
    Error,
    /// Something is ignored without changing what runs.
    Warning,
}

/// One finding about a Compose file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1; 0 when the finding is about the file as a whole.
    pub line: u32,
    /// Column, from 1; 0 when the finding is about the file as a whole.
    pub column: u32,
    /// The key, such as `services.web.build`; empty when there is none.
    pub key_path: String,
    /// What is wrong and what to do.
    pub message: String,
    /// How bad it is.
    pub severity: Severity,
    order: (u16, u32, u32),
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", self.file)?;
        if self.line > 0 {
            write!(out, "{}:", self.line)?;
        }
        if self.severity == Severity::Warning {
            out.write_str(" warning:")?;
        }
        if !self.key_path.is_empty() {
            write!(out, " {}:", self.key_path)?;
        }
        write!(out, " {}", self.message)
    }
}

/// Why Compose files were refused: at least one finding is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeErrors {
    /// Errors and warnings, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
}

impl ComposeErrors {
    /// The errors alone.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
    }
}

impl fmt::Display for ComposeErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.errors().take(SHOWN_MAX).enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{finding}")?;
        }
        match self.errors().count().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(out, "\nand {more} more"),
        }
    }
}

impl std::error::Error for ComposeErrors {}

/// Collects findings.
#[derive(Debug, Default)]
pub(crate) struct Report {
    files: Vec<String>,
    found: Vec<Diagnostic>,
    errors: usize,
}

impl Report {
    /// A report about these files, in the order in which they are merged.
    pub(crate) fn new(files: Vec<String>) -> Self {
        Self {
            files,
            ..Self::default()
        }
    }

    /// Notes an error.
    pub(crate) fn error(&mut self, at: At, path: &str, message: impl Into<String>) {
        self.note(Severity::Error, at, path, message.into());
    }

    /// Notes a warning.
    pub(crate) fn warn(&mut self, at: At, path: &str, message: impl Into<String>) {
        self.note(Severity::Warning, at, path, message.into());
    }

    /// Whether there is an error so far.
    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Number of errors so far.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// The same files, nothing found yet.
    pub(crate) fn fresh(&self) -> Self {
        Self::new(self.files.clone())
    }

    /// Adds what a later step found, except what may only follow from an error within the same key.
    pub(crate) fn absorb(&mut self, later: Self) {
        let known: Vec<String> = self
            .found
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| finding.key_path.clone())
            .collect();
        for finding in later.found {
            let path = &finding.key_path;
            let follows = known.iter().any(|error| {
                let rest = error.strip_prefix(path.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            });
            if !follows {
                self.errors += usize::from(finding.severity == Severity::Error);
                self.found.push(finding);
            }
        }
    }

    /// Everything found, sorted by place; the same finding twice (through an alias) counts once.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|a, b| {
            (a.order, &a.key_path, a.severity).cmp(&(b.order, &b.key_path, b.severity))
        });
        self.found.dedup();
        self.found
    }

    fn note(&mut self, severity: Severity, at: At, path: &str, message: String) {
        let is_error = severity == Severity::Error;
        let kept = match is_error {
            true => self.errors,
            false => self.found.len() - self.errors.min(self.found.len()),
        };
        if kept >= KEPT_MAX {
            return;
        }
        self.errors += usize::from(is_error);
        let file = self.files.get(usize::from(at.file));
        self.found.push(Diagnostic {
            file: file.cloned().unwrap_or_default(),
            line: at.line,
            column: at.column,
            key_path: path.to_owned(),
            message,
            severity,
            order: (at.file, at.line, at.column),
        });
    }
}
