//! A value on an axis: a number, or a word.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

/// What an axis is at some point. The axis' name says the unit of a number.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A finite number.
    Number(f64),
    /// A word, such as `on` or `lan`.
    Text(String),
}

impl Value {
    /// The number, if it is one.
    #[must_use]
    pub const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }
}

impl Ord for Value {
    /// Numbers by size, before words by their letters.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(&number_text(*number)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(f64::from(number))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Value {
    /// `on` or `off`.
    fn from(is_on: bool) -> Self {
        Self::from(if is_on { "on" } else { "off" })
    }
}

/// The shortest text that reads back as exactly this number: `64`, `0.1`, `1e300`.
#[must_use]
pub fn number_text(number: f64) -> String {
    match number.abs() {
        size if size != 0.0 && !(1e-5..1e16).contains(&size) => format!("{number:e}"),
        _ => format!("{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_before_words_and_by_size() {
        let mut values = [
            Value::from("a"),
            Value::from(10_u32),
            Value::from(9_u32),
            true.into(),
        ];
        values.sort();
        let shown: Vec<String> = values.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["9", "10", "a", "on"]);
    }

    #[test]
    fn a_number_reads_back_as_itself() {
        for number in [0.1 + 0.2, 64.0, 1e300, 5e-324, -0.0, 1e15 + 0.5] {
            let text = number_text(number);
            assert!(text.len() < 25, "{text}");
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits());
            let json = serde_json::to_string(&Value::Number(number)).unwrap();
            let back: Value = serde_json::from_str(&json).unwrap();
            assert_eq!(back, Value::Number(number), "{json}");
        }
    }
}
