//! Writes the merged file as YAML, for `shoal stack config`: long forms, docker's order of keys,
//! names sorted.

use super::{
    node::{Entry, Node, Value},
    quantity, scalar,
    schema::{FILE, Kind, Schema},
};

/// Writes a canonical file.
pub(crate) fn file(top: &Node) -> String {
    let mut out = String::new();
    if top.get("version").is_none() {
        out.push_str("version: \"3.13\"\n");
    }
    if top
        .get("services")
        .is_none_or(|services| services.entries().is_empty())
    {
        out.push_str("services: {}\n");
    }
    fields(&FILE, top, 0, &mut out);
    out
}

fn fields(schema: &Schema, node: &Node, depth: usize, out: &mut String) {
    for field in schema.fields {
        let value = node
            .get(field.key)
            .filter(|value| !is_left_out(field.key, value));
        if let Some(value) = value {
            entry(field.key, field.kind, value, depth, out);
        }
    }
    let mut extras: Vec<&Entry> = node
        .entries()
        .iter()
        .filter(|entry| schema.field(&entry.key).is_none())
        .collect();
    extras.sort_by_key(|entry| &entry.key);
    for extra in extras {
        entry(&extra.key, Kind::Anything, &extra.value, depth, out);
    }
}

/// Maps that docker prints even when they are empty.
const KEPT_EMPTY: [&str; 10] = [
    "bind",
    "healthcheck",
    "limits",
    "logging",
    "reservations",
    "restart_policy",
    "rollback_config",
    "tmpfs",
    "update_config",
    "volume",
];

/// Docker leaves out what says nothing.
fn is_left_out(key: &str, node: &Node) -> bool {
    match &node.value {
        Value::Bool(false) => key != "init",
        Value::Int(0) => key == "published",
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty() && !KEPT_EMPTY.contains(&key),
        _ => false,
    }
}

fn entry(key: &str, kind: Kind, node: &Node, depth: usize, out: &mut String) {
    out.push_str(&"  ".repeat(depth));
    out.push_str(&text(key));
    out.push(':');
    value(kind, node, depth + 1, out);
}

/// Writes a value after `key:` or `-`, with the line's end.
fn value(kind: Kind, node: &Node, depth: usize, out: &mut String) {
    match &node.value {
        Value::Map(entries) if entries.is_empty() => out.push_str(" {}\n"),
        Value::List(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Map(_) => {
            out.push('\n');
            map(kind, node, depth, out);
        }
        Value::List(items) => {
            out.push('\n');
            for item in items {
                self::item(kind, item, depth, out);
            }
        }
        _ => {
            out.push(' ');
            out.push_str(&scalar_text(kind, &node.value));
            out.push('\n');
        }
    }
}

fn map(kind: Kind, node: &Node, depth: usize, out: &mut String) {
    let inner = match kind {
        Kind::Object(schema) | Kind::Objects(schema, _) => return fields(schema, node, depth, out),
        Kind::Named(inner) | Kind::NamesOr(inner) => *inner,
        _ => Kind::Anything,
    };
    let mut entries: Vec<&Entry> = node.entries().iter().collect();
    if !matches!(kind, Kind::Limit) {
        entries.sort_by_key(|entry| &entry.key);
    }
    for entry in entries {
        self::entry(&entry.key, inner, &entry.value, depth, out);
    }
}

fn item(kind: Kind, node: &Node, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    out.push_str(&indent);
    out.push('-');
    let is_block = !node.entries().is_empty();
    if !is_block {
        return value(kind, node, depth + 1, out);
    }
    let mut block = String::new();
    map(kind, node, depth + 1, &mut block);
    match block.get(indent.len() + 2..) {
        Some(rest) if !block.is_empty() => {
            out.push(' ');
            out.push_str(rest);
        }
        _ => out.push_str(" {}\n"),
    }
}

fn scalar_text(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Duration, Value::Int(nanoseconds)) => quantity::duration_text(*nanoseconds),
        (Kind::Size, Value::Int(bytes)) => format!("\"{bytes}\""),
        (_, Value::Bool(flag)) => flag.to_string(),
        (_, Value::Int(number)) => number.to_string(),
        (_, Value::Float(number)) => scalar::float_text(*number),
        (_, Value::Text(words)) => text(words),
        _ => "null".to_owned(),
    }
}

/// Text, quoted only where it must be.
fn text(words: &str) -> String {
    let is_printable = words.chars().all(|c| {
        !c.is_control() && c != '\u{feff}' && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}')
    });
    if !is_printable || means_something_else(words) {
        return double_quoted(words);
    }
    if is_plain(words) {
        return words.to_owned();
    }
    format!("'{}'", words.replace('\'', "''"))
}

fn means_something_else(words: &str) -> bool {
    let lower = words.to_ascii_lowercase();
    let is_sexagesimal = words.contains(':')
        && words
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'_' | b'-' | b'+'));
    matches!(
        lower.as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "<<" | "=" | ".inf" | "-.inf" | "+.inf" | ".nan"
    ) || is_sexagesimal
        || !matches!(scalar::resolve(words), Value::Text(_))
}

fn is_plain(words: &str) -> bool {
    let mut letters = words.chars();
    let (first, second) = (letters.next(), letters.next());
    let is_start = match first {
        None => false,
        Some('-' | '?' | ':') => second.is_some_and(|c| c != ' '),
        Some(c) => !" ,[]{}#&*!|>'\"%@`".contains(c),
    };
    is_start
        && !words.ends_with([' ', ':'])
        && !words.contains(": ")
        && !words.contains(" #")
        && !words.starts_with("---")
        && !words.starts_with("...")
}

fn double_quoted(words: &str) -> String {
    let mut out = String::from('"');
    for c in words.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
