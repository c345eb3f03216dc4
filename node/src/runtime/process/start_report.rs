//! What a process says to the task's parent while it becomes the task's program, through a pipe
//! that closes when it is: warnings, and why it failed if it did.

/// Stands before each warning, and ends it.
const WARNING: char = '\0';

/// What was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StartReport {
    /// What is not honoured, a sentence each.
    pub(super) warnings: Vec<String>,
    /// Why it did not become the program. Empty: it did.
    pub(super) failure: String,
}

impl StartReport {
    /// As it goes through the pipe: warnings between nul bytes, then the failure.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for warning in &self.warnings {
            text.push(WARNING);
            text.push_str(&warning.replace(WARNING, " "));
            text.push(WARNING);
        }
        text + &self.failure
    }

    /// Reads it back. What is cut off counts as a failure: nobody knows what else was said.
    pub(super) fn parse(text: &str) -> Self {
        let mut report = Self::default();
        let mut rest = text;
        while let Some((warning, after)) = rest
            .strip_prefix(WARNING)
            .and_then(|rest| rest.split_once(WARNING))
        {
            report.warnings.push(warning.to_owned());
            rest = after;
        }
        report.failure = rest.trim_matches(WARNING).to_owned();
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_its_pipe() {
        for (warnings, failure) in [
            (vec![], ""),
            (vec![], "can't execute /x: no"),
            (vec!["a", "b c"], ""),
            (vec!["a"], "user: Operation not permitted"),
        ] {
            let report = StartReport {
                warnings: warnings.into_iter().map(String::from).collect(),
                failure: failure.into(),
            };
            assert_eq!(StartReport::parse(&report.to_text()), report);
        }
        assert_eq!(StartReport::parse("\0half").failure, "half");
    }
}
