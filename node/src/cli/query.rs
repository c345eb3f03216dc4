//! Paths and queries of requests: escaping, and Docker's `filters=`.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::Value;

use super::error::CliError;

/// Escapes what has a meaning in a path or query (RFC 3986's unreserved characters stay).
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// A path with its query.
#[derive(Clone, Debug)]
pub(crate) struct Target(String);

impl Target {
    /// A path of fixed text, such as `/services`.
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// Adds a segment that a person gave.
    pub(crate) fn segment(mut self, text: &str) -> Self {
        self.0.push('/');
        self.0.push_str(&escape(text));
        self
    }

    /// Adds fixed text to the path.
    pub(crate) fn then(mut self, text: &str) -> Self {
        self.0.push_str(text);
        self
    }

    /// Adds a query parameter.
    pub(crate) fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(key);
        self.0.push('=');
        self.0.push_str(&escape(&value.to_string()));
        self
    }

    /// Adds a query parameter if there is one.
    pub(crate) fn maybe(self, key: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds filters, unless there are none.
    pub(crate) fn filtered(self, filters: &Filters) -> Self {
        if filters.0.is_empty() {
            return self;
        }
        self.with("filters", filters.to_json())
    }

    /// The text of the request line.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Docker's filters: several values of a key are alternatives, several keys must all match.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Reads `--filter key=value` options.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, CliError> {
        let mut filters = Self::default();
        for text in texts {
            let Some((key, value)) = text.split_once('=') else {
                return Err(CliError::usage(format!(
                    "invalid filter {text:?}: expected NAME=VALUE"
                )));
            };
            filters.add(key.trim().to_lowercase().as_str(), value.trim());
        }
        Ok(filters)
    }

    /// Adds one.
    pub(crate) fn add(&mut self, key: &str, value: &str) {
        self.0.entry(key.into()).or_default().push(value.into());
    }

    /// The same filters with one more.
    pub(crate) fn and(mut self, key: &str, value: &str) -> Self {
        self.add(key, value);
        self
    }

    /// Values of a key, to be replaced in place.
    pub(crate) fn values_mut(&mut self, key: &str) -> &mut [String] {
        self.0.get_mut(key).map_or(&mut [], Vec::as_mut_slice)
    }

    fn to_json(&self) -> Value {
        let keys = self.0.iter().map(|(key, values)| {
            let values = values.iter().map(|value| (value.clone(), true.into()));
            (key.clone(), Value::Object(values.collect()))
        });
        Value::Object(keys.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_not_leave_their_segment() {
        let target = Target::new("/services").segment("../nodes?x=1#é");
        assert_eq!(target.as_str(), "/services/..%2Fnodes%3Fx%3D1%23%C3%A9");
    }

    #[test]
    fn filters_are_dockers_maps() {
        let filters = Filters::parse(&["name=a".into(), "name=b".into(), "label=k=v".into()]);
        let target = Target::new("/tasks")
            .with("x", 1)
            .filtered(&filters.unwrap());
        assert_eq!(
            target.as_str(),
            "/tasks?x=1&filters=%7B%22label%22%3A%7B%22k%3Dv%22%3Atrue%7D%2C%22name%22%3A%7B%22a%22\
             %3Atrue%2C%22b%22%3Atrue%7D%7D"
        );
        assert_eq!(
            Filters::parse(&["name".into()]).unwrap_err().exit_status(),
            2
        );
    }
}
