//! Differences from Docker's Swarm that are meant, each with its reason.

/// All of a list, and which of them were met.
#[derive(Debug)]
pub struct Differences<'a>(Vec<Difference<'a>>);

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
        Self(read.collect())
    }

    /// Whether this is meant: what differs in the answer to a request of a file.
    pub fn explain(&mut self, file: &str, request: &str, what: &str) -> bool {
        let known = self.0.iter_mut().find(|one| {
            let mut pairs = one.begins.iter().zip([file, request, what]);
            pairs.all(|(begin, part)| match begin.strip_prefix('*') {
                Some(end) => part.ends_with(end),
                None => part.starts_with(begin),
            })
        });
        known.map(|known| known.is_used = true).is_some()
    }

    /// Those that were not met, though they should have been.
    #[must_use]
    pub fn unused(&self) -> Vec<String> {
        let unused = self.0.iter().filter(|one| !one.is_used);
        unused.map(|one| one.begins.join(" | ")).collect()
    }
}
