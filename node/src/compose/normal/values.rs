//! Single values: each read as its key takes it, or reported.

use super::Normaliser;
use crate::compose::{
    node::{Entry, Node, Value},
    quantity, scalar,
};

impl Normaliser<'_> {
    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Text(text) if text.contains('\0') => {
                self.error(node, "must not contain a zero byte")
            }
            Value::Text(text) => Some(text.clone()),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                let found = node.kind_name();
                self.error(node, format!("must be text, not {found}: put it in quotes"))
            }
            _ => self.unfit(node, "text"),
        }
    }

    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match &node.value {
            Value::Bool(value) => Some(*value),
            Value::Text(text) if text == "true" => Some(true),
            Value::Text(text) if text == "false" => Some(false),
            Value::Text(text) => self.error(node, format!("must be true or false, not {text:?}")),
            _ => self.unfit(node, "true or false"),
        }
    }

    pub(super) fn integer(&mut self, node: &Node, least: i64, most: i64) -> Option<i64> {
        let number = match &node.value {
            Value::Int(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {
                return self.unfit(node, "a whole number");
            }
        };
        match number {
            Some(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                let bounds = match most {
                    i64::MAX => format!("of at least {least}"),
                    _ => format!("from {least} to {most}"),
                };
                let found = shown(node);
                self.error(
                    node,
                    format!("must be a whole number {bounds}, not {found}"),
                )
            }
        }
    }

    pub(super) fn ratio(&mut self, node: &Node) -> Option<f64> {
        let number = match &node.value {
            Value::Int(0) => Some(0.0),
            Value::Int(1) => Some(1.0),
            Value::Float(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if (0.0..=1.0).contains(&number) => Some(number),
            _ => {
                let found = shown(node);
                self.error(node, format!("must be a number from 0 to 1, not {found}"))
            }
        }
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<i64> {
        let read = node.as_text().and_then(quantity::duration);
        match read {
            Some(nanoseconds) if nanoseconds >= 0 => Some(nanoseconds),
            _ => {
                let found = shown(node);
                self.error(
                    node,
                    format!("must be a duration such as 10s or 1m30s, not {found}"),
                )
            }
        }
    }

    pub(super) fn size(&mut self, node: &Node) -> Option<i64> {
        let read = match &node.value {
            Value::Int(bytes) => Some(*bytes).filter(|bytes| *bytes >= 0),
            Value::Text(text) => quantity::size(text),
            _ => None,
        };
        if read.is_none() {
            let found = shown(node);
            return self.error(
                node,
                format!("must be a size such as 64m or 1gb, not {found}"),
            );
        }
        read
    }

    pub(super) fn cpus(&mut self, node: &Node) -> Option<String> {
        let text = plain_text(node).filter(|text| quantity::cpus(text).is_some());
        if text.is_none() {
            let found = shown(node);
            return self.error(
                node,
                format!("must be a number of processors such as \"0.5\", not {found}"),
            );
        }
        text
    }

    pub(super) fn choice(&mut self, node: &Node, words: &[&str]) -> Option<String> {
        match node.as_text() {
            Some(text) if words.contains(&text) => Some(text.to_owned()),
            _ => {
                let (found, words) = (shown(node), words.join(", "));
                self.error(node, format!("must be one of {words}, not {found}"))
            }
        }
    }

    pub(super) fn limit(&mut self, node: &Node) -> Option<Value> {
        if !matches!(node.value, Value::Map(_)) {
            return self.integer(node, -1, i64::MAX).map(Value::Int);
        }
        let mut out = Vec::new();
        for key in ["soft", "hard"] {
            let Some(value) = node.get(key) else {
                return self.error(node, "needs soft and hard");
            };
            let number = self.within(key, |this| this.integer(value, -1, i64::MAX))?;
            out.push(Entry::new(key, Node::new(Value::Int(number), value.at)));
        }
        Some(Value::Map(out))
    }

    pub(super) fn external(&mut self, node: &Node) -> Option<Node> {
        match (&node.value, node.get("name")) {
            (Value::Map(_), Some(name)) => {
                let name = self.within("name", |this| this.text(name))?;
                let mut out = Node::map(node.at);
                out.set("name", Node::text(name, node.at));
                Some(out)
            }
            (Value::Map(_), None) => Some(Node::new(Value::Bool(true), node.at)),
            _ => self
                .boolean(node)
                .map(|value| Node::new(Value::Bool(value), node.at)),
        }
    }
}

/// Text, or a number as text.
pub(super) fn plain_text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(scalar::float_text(*number)),
        _ => None,
    }
}

/// A value for a message: itself if it is short, its kind otherwise.
fn shown(node: &Node) -> String {
    match (&node.value, plain_text(node)) {
        (Value::Text(text), _) if text.len() <= 60 => format!("{text:?}"),
        (Value::Int(_) | Value::Float(_), Some(text)) => text,
        (Value::Bool(value), _) => value.to_string(),
        _ => node.kind_name().to_owned(),
    }
}
