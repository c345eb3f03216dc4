//! Differences from Docker's Swarm that are meant, each with its reason.

use std::collections::BTreeSet;

use serde_json::Value;

/// All of a list, which of them were met, and what else differed.
#[derive(Debug)]
pub struct Differences<'a> {
    meant: Vec<Difference<'a>>,
    unlike: Vec<String>,
}

/// File, request and what differs begin like this.
#[derive(Debug)]
struct Difference<'a> {
    begins: Vec<&'a str>,
    is_used: bool,
}

impl<'a> Differences<'a> {
    /// Reads a list: a line for each, parts between `|`, the last of which is the reason. A part is the beginning of
    /// what it stands for; after `*`, its end. What begins with `?` may be absent.
    #[must_use]
    pub fn read(text: &'a str) -> Self {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        let read = lines.map(|line| Difference {
            begins: line
                .trim_start_matches('?')
                .split('|')
                .take(3)
                .map(str::trim)
                .collect(),
            is_used: line.starts_with('?'),
        });
        Self {
            meant: read.collect(),
            unlike: Vec::new(),
        }
    }

    /// Takes what differs in the answer to a recorded request.
    pub fn take(&mut self, exchange: &Value, found: BTreeSet<String>) {
        let text = |key: &str| exchange[key].as_str().unwrap_or_default();
        let request = format!("{} {}", text("method"), text("path"));
        for what in found {
            if !self.explain(text("file"), &request, &what) {
                let (file, line) = (text("file"), text("cli"));
                self.unlike
                    .push(format!("{file} | {request} | {what} | {line}"));
            }
        }
    }

    /// Whether this is meant.
    fn explain(&mut self, file: &str, request: &str, what: &str) -> bool {
        let known = self.meant.iter_mut().find(|one| {
            let mut pairs = one.begins.iter().zip([file, request, what]);
            pairs.all(|(begin, part)| match begin.strip_prefix('*') {
                Some(end) => part.ends_with(end),
                None => part.starts_with(begin),
            })
        });
        known.map(|known| known.is_used = true).is_some()
    }

    /// Looks at all that was taken.
    ///
    /// # Panics
    /// If something differed that is not meant, or something that is meant did not.
    pub fn are_as_listed(mut self) {
        self.unlike.dedup();
        assert!(
            self.unlike.is_empty(),
            "{} unlike Swarm:\n{}",
            self.unlike.len(),
            self.unlike.join("\n")
        );
        let unused = self.meant.iter().filter(|one| !one.is_used);
        let unused: Vec<String> = unused.map(|one| one.begins.join(" | ")).collect();
        assert!(
            unused.is_empty(),
            "no longer different:\n{}",
            unused.join("\n")
        );
    }
}
