//! Several files become one: the later file beats the earlier, as with docker's `-c A -c B`.
//!
//! Maps merge key by key, plain lists grow, commands are replaced. Ports are unique as a whole,
//! volumes by target, secrets and configs by source; such merged lists are sorted by that.

use std::collections::BTreeMap;

use super::{
    node::{Entry, Node, Value},
    schema::{Kind, Merge, Schema},
    short::Short,
};

/// Lays a value over another; both are canonical.
pub(crate) fn merge(kind: Kind, base: Node, over: Node) -> Node {
    let at = over.at;
    let value = match (kind, base.value, over.value) {
        (_, base, Value::Null) => base,
        (Kind::Object(schema), Value::Map(base), Value::Map(over)) => {
            Value::Map(object(schema, base, over))
        }
        (Kind::Named(inner) | Kind::NamesOr(inner), Value::Map(base), Value::Map(over)) => {
            Value::Map(keys(base, over, |_| Some(*inner)))
        }
        (Kind::Labels | Kind::Variables, Value::Map(base), Value::Map(over)) => {
            Value::Map(keys(base, over, |_| None))
        }
        (Kind::Texts | Kind::Hosts, Value::List(base), Value::List(over)) => {
            Value::List(base.into_iter().chain(over).collect())
        }
        (Kind::Objects(_, short), Value::List(base), Value::List(over)) => {
            Value::List(items(short, base.into_iter().chain(over)))
        }
        (_, _, over) => over,
    };
    Node::new(value, at)
}

fn object(schema: &'static Schema, base: Vec<Entry>, over: Vec<Entry>) -> Vec<Entry> {
    let is_replaced = match schema.merge {
        Merge::Keys => false,
        Merge::Replace => true,
        Merge::KeysIfSame(key) => {
            let of = |entries: &[Entry]| {
                let entry = entries.iter().find(|entry| entry.key == key)?;
                entry.value.as_text().map(str::to_owned)
            };
            matches!((of(&base), of(&over)), (Some(base), Some(over)) if base != over)
        }
    };
    if is_replaced {
        return over;
    }
    keys(base, over, |key| schema.field(key).map(|field| field.kind))
}

/// Merges key by key; where no kind is known, the later value stands.
fn keys(base: Vec<Entry>, over: Vec<Entry>, kind: impl Fn(&str) -> Option<Kind>) -> Vec<Entry> {
    let mut out = base;
    let places: BTreeMap<String, usize> = out
        .iter()
        .enumerate()
        .map(|(index, entry)| (entry.key.clone(), index))
        .collect();
    for entry in over {
        let Some(&place) = places.get(&entry.key) else {
            out.push(entry);
            continue;
        };
        let empty = Node::new(Value::Null, entry.value.at);
        let value = match kind(&entry.key) {
            Some(kind) => merge(
                kind,
                std::mem::replace(&mut out[place].value, empty),
                entry.value,
            ),
            None => entry.value,
        };
        out[place] = Entry { value, ..entry };
    }
    out
}

fn items(short: Short, all: impl Iterator<Item = Node>) -> Vec<Node> {
    let key = |node: &Node| match short {
        Short::Port => format!(
            "{:05}/{:05}/{}/{}",
            node.int_of("published").unwrap_or(0),
            node.int_of("target").unwrap_or(0),
            node.text_of("protocol"),
            node.text_of("mode"),
        ),
        Short::Volume => node.text_of("target").to_owned(),
        Short::Source => node.text_of("source").to_owned(),
        Short::None | Short::EnvFile => String::new(),
    };
    if matches!(short, Short::None | Short::EnvFile) {
        return all.collect();
    }
    let unique: BTreeMap<String, Node> = all.map(|node| (key(&node), node)).collect();
    unique.into_values().collect()
}
