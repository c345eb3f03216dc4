//! Go's `omitempty`: what says nothing is not written.

use serde_json::{Map, Value};

/// An object in the making.
#[derive(Debug, Default)]
pub(super) struct Object(Map<String, Value>);

impl Object {
    /// Sets a key, unless the value is empty.
    pub(super) fn put(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        let is_empty = match &value {
            Value::Null => true,
            Value::Bool(flag) => !flag,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
        };
        if !is_empty {
            self.0.insert(key.to_owned(), value);
        }
        self
    }

    /// Sets a key, whatever the value.
    pub(super) fn keep(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Sets a key if there is a value, even an empty one.
    pub(super) fn keep_some(&mut self, key: &str, value: Option<impl Into<Value>>) -> &mut Self {
        match value {
            Some(value) => self.keep(key, value),
            None => self,
        }
    }

    /// The object; leaves an empty one.
    pub(super) fn take(&mut self) -> Value {
        Value::Object(std::mem::take(&mut self.0))
    }
}
