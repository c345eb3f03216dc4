//! Reading answers of the API. A field that is missing, null or of another kind reads as empty:
//! agents of other versions leave fields out.

use serde_json::Value;

/// Fields by JSON pointer.
pub(crate) trait Lookup {
    /// A string, or "".
    fn text(&self, pointer: &str) -> &str;
    /// A number that is not negative, or 0.
    fn number(&self, pointer: &str) -> u64;
    /// A list, or an empty one.
    fn list(&self, pointer: &str) -> &[Value];
    /// Whether the field is there and not null.
    fn has(&self, pointer: &str) -> bool;
    /// A list's strings.
    fn texts(&self, pointer: &str) -> Vec<&str>;
    /// An object's pairs of strings.
    fn pairs(&self, pointer: &str) -> Vec<(&str, &str)>;
}

impl Lookup for Value {
    fn text(&self, pointer: &str) -> &str {
        self.pointer(pointer)
            .and_then(Self::as_str)
            .unwrap_or_default()
    }

    fn number(&self, pointer: &str) -> u64 {
        self.pointer(pointer)
            .and_then(Self::as_u64)
            .unwrap_or_default()
    }

    fn list(&self, pointer: &str) -> &[Value] {
        self.pointer(pointer)
            .and_then(Self::as_array)
            .map_or(&[], Vec::as_slice)
    }

    fn has(&self, pointer: &str) -> bool {
        self.pointer(pointer).is_some_and(|value| !value.is_null())
    }

    fn texts(&self, pointer: &str) -> Vec<&str> {
        self.list(pointer).iter().filter_map(Self::as_str).collect()
    }

    fn pairs(&self, pointer: &str) -> Vec<(&str, &str)> {
        let map = self.pointer(pointer).and_then(Self::as_object);
        map.into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
            .collect()
    }
}
