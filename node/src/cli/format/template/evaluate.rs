//! Fills a template in.

use serde_json::Value;

use super::{super::words::capital, Command, Node, Pipeline, Word};
use crate::cli::format::json::go_line;

/// What a field that is not there means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// A mistake of the template: rows have fixed fields.
    IsError,
    /// `<no value>`: an object leaves out what it does not need.
    IsShown,
}

const FUNCTIONS: [&str; 12] = [
    "json", "upper", "lower", "title", "join", "split", "len", "index", "eq", "ne", "not",
    "truncate",
];

/// Whether there is such a function.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}

/// Where a template is being filled in.
#[derive(Clone, Copy)]
struct Scope<'a> {
    root: &'a Value,
    dot: &'a Value,
    missing: Missing,
}

/// The text of these nodes.
pub(super) fn fill(nodes: &[Node], root: &Value, missing: Missing) -> Result<String, String> {
    let mut text = String::new();
    let scope = Scope {
        root,
        dot: root,
        missing,
    };
    scope.nodes(nodes, &mut text)?;
    Ok(text)
}

impl Scope<'_> {
    fn nodes(&self, nodes: &[Node], out: &mut String) -> Result<(), String> {
        for node in nodes {
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Show(pipeline) => show(&self.pipeline(pipeline)?, out),
                Node::If(condition, then, otherwise) => {
                    let chosen = is_true(&self.pipeline(condition)?);
                    self.nodes(if chosen { then } else { otherwise }, out)?;
                }
                Node::Range(over, body, otherwise) => {
                    self.range(&self.pipeline(over)?, body, otherwise, out)?;
                }
            }
        }
        Ok(())
    }

    fn range(
        &self,
        over: &Value,
        body: &[Node],
        otherwise: &[Node],
        out: &mut String,
    ) -> Result<(), String> {
        let elements: Vec<&Value> = match over {
            Value::Array(list) => list.iter().collect(),
            Value::Object(map) => map.values().collect(),
            Value::Null => Vec::new(),
            other => return Err(format!("range can't iterate over {other}")),
        };
        if elements.is_empty() {
            return self.nodes(otherwise, out);
        }
        for dot in elements {
            Scope { dot, ..*self }.nodes(body, out)?;
        }
        Ok(())
    }

    fn pipeline(&self, pipeline: &Pipeline) -> Result<Value, String> {
        let mut value = None;
        for command in pipeline {
            value = Some(self.command(command, value)?);
        }
        Ok(value.unwrap_or_default())
    }

    fn command(&self, command: &Command, piped: Option<Value>) -> Result<Value, String> {
        let Some((first, rest)) = command.split_first() else {
            return Err("missing value for command".into());
        };
        if let Word::Name(name) = first {
            let arguments = rest.iter().map(|word| self.word(word)).chain(piped.map(Ok));
            let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
            return call(name, &arguments, self.missing);
        }
        if !rest.is_empty() || piped.is_some() {
            return Err("can't give argument to non-function".into());
        }
        self.word(first)
    }

    fn word(&self, word: &Word) -> Result<Value, String> {
        match word {
            Word::Literal(value) => Ok(value.clone()),
            Word::Group(pipeline, path) => self.at(&self.pipeline(pipeline)?, path),
            Word::Name(name) => call(name, &[], self.missing),
            Word::Field { path, from_root } => {
                let value = if *from_root { self.root } else { self.dot };
                self.at(value, path)
            }
        }
    }

    fn at(&self, mut value: &Value, path: &[String]) -> Result<Value, String> {
        for name in path {
            value = match value.get(name) {
                Some(value) => value,
                None if self.missing == Missing::IsShown => &Value::Null,
                None => return Err(no_field(name, value)),
            };
        }
        Ok(value.clone())
    }
}

fn no_field(name: &str, value: &Value) -> String {
    let names: Vec<&str> = value
        .as_object()
        .map(|map| map.keys().map(String::as_str).collect())
        .unwrap_or_default();
    format!("there is no field {name}; there are: {}", names.join(", "))
}

fn call(name: &str, arguments: &[Value], missing: Missing) -> Result<Value, String> {
    Ok(match (name, arguments) {
        // A row's own JSON is escaped as Go does it; parts of it are not.
        ("json", [row @ Value::Object(_)]) if missing == Missing::IsError => go_line(row).into(),
        ("json", [value]) => value.to_string().into(),
        ("upper", [Value::String(text)]) => text.to_uppercase().into(),
        ("lower", [Value::String(text)]) => text.to_lowercase().into(),
        ("title", [Value::String(text)]) => capital(text).into(),
        ("join", [Value::Array(list), Value::String(between)]) => {
            let texts: Vec<String> = list.iter().map(text_of).collect();
            texts.join(between).into()
        }
        ("split", [Value::String(text), Value::String(at)]) => {
            text.split(at.as_str()).map(Value::from).collect()
        }
        ("len", [Value::Array(list)]) => list.len().into(),
        ("len", [Value::Object(map)]) => map.len().into(),
        ("len", [Value::String(text)]) => text.len().into(),
        ("len", [Value::Null]) => 0.into(),
        ("index", [Value::Object(map), Value::String(key)]) => {
            map.get(key).cloned().unwrap_or_else(|| "".into())
        }
        ("index", [Value::Array(list), Value::Number(at)]) => at
            .as_u64()
            .and_then(|at| list.get(usize::try_from(at).ok()?))
            .cloned()
            .ok_or_else(|| format!("index out of range: {at}"))?,
        ("index", [Value::Null, _]) => Value::Null,
        ("eq", [left, right]) => (left == right).into(),
        ("ne", [left, right]) => (left != right).into(),
        ("not", [value]) => (!is_true(value)).into(),
        ("truncate", [Value::String(text), Value::Number(length)]) => {
            let length = length
                .as_u64()
                .and_then(|length| usize::try_from(length).ok());
            let kept = text.chars().take(length.unwrap_or(0));
            kept.collect::<String>().into()
        }
        _ => {
            let kinds: Vec<&str> = arguments.iter().map(kind).collect();
            return Err(format!("{name} can't be used with ({})", kinds.join(", ")));
        }
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Go's idea of truth: not empty, not zero.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

fn text_of(value: &Value) -> String {
    let mut text = String::new();
    show(value, &mut text);
    text
}

/// As Go prints a value: `[a b]`, `map[k:v]`.
fn show(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("<no value>"),
        Value::String(text) => out.push_str(text),
        Value::Array(list) => {
            let texts: Vec<String> = list.iter().map(text_of).collect();
            out.push('[');
            out.push_str(&texts.join(" "));
            out.push(']');
        }
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| format!("{key}:{}", text_of(value)));
            out.push_str("map[");
            out.push_str(&pairs.collect::<Vec<_>>().join(" "));
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}
