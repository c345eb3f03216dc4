//! A value of a Compose file, with the place that it came from.
//!
//! The same type holds what the YAML says and, after [`super::normal`], the one canonical form of
//! it. It keeps the order of the file.

/// A place in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct At {
    /// Index of the file.
    pub(crate) file: u16,
    /// Line, from 1. 0: the file as a whole.
    pub(crate) line: u32,
    /// Column, from 1.
    pub(crate) column: u32,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// The value.
    pub(crate) value: Value,
    /// Where it starts.
    pub(crate) at: At,
}

/// What YAML can say, as far as Compose uses it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number; in canonical form also nanoseconds and bytes.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map. Keys are unique.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Where the key is.
    pub(crate) key_at: At,
    /// Its value.
    pub(crate) value: Node,
}

impl Entry {
    /// An entry whose key and value share a place.
    pub(crate) fn new(key: impl Into<String>, value: Node) -> Self {
        let key_at = value.at;
        Self {
            key: key.into(),
            key_at,
            value,
        }
    }
}

impl Node {
    /// A value at a place.
    pub(crate) fn new(value: Value, at: At) -> Self {
        Self { value, at }
    }

    /// Text at a place.
    pub(crate) fn text(text: impl Into<String>, at: At) -> Self {
        Self::new(Value::Text(text.into()), at)
    }

    /// An empty map at a place.
    pub(crate) fn map(at: At) -> Self {
        Self::new(Value::Map(Vec::new()), at)
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entry of this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of this key, unless it is null.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key)
            .map(|entry| &entry.value)
            .filter(|node| node.value != Value::Null)
    }

    /// The value under these keys, one in the other.
    pub(crate) fn under(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Text, if it is text.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number, if it is one.
    pub(crate) fn as_int(&self) -> Option<i64> {
        match self.value {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    /// The text of this key; empty if there is none.
    pub(crate) fn text_of(&self, key: &str) -> &str {
        self.get(key).and_then(Self::as_text).unwrap_or_default()
    }

    /// The whole number of this key.
    pub(crate) fn int_of(&self, key: &str) -> Option<i64> {
        self.get(key).and_then(Self::as_int)
    }

    /// Whether this key is `true`.
    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|node| node.value == Value::Bool(true))
    }

    /// The texts of the list under this key.
    pub(crate) fn texts_of(&self, key: &str) -> Vec<String> {
        self.get(key)
            .map_or(&[][..], Self::items)
            .iter()
            .filter_map(|item| item.as_text().map(str::to_owned))
            .collect()
    }

    /// Sets a key of a map; does nothing to anything else.
    pub(crate) fn set(&mut self, key: &str, value: Node) {
        let Value::Map(entries) = &mut self.value else {
            return;
        };
        match entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.value = value,
            None => entries.push(Entry::new(key, value)),
        }
    }

    /// What it is, for a message.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}
