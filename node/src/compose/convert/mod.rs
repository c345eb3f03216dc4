//! From the canonical form to the objects of Docker's API, field by field as `docker stack deploy`
//! writes them.

mod container;
mod deploy;
mod json;
mod mounts;
mod service;
mod stack;

pub(crate) use stack::convert;

use std::collections::BTreeMap;

use serde_json::Value as Json;
use shoal_scheduler::spec::ServiceSpec;

use super::{
    diagnostic::Report,
    node::{At, Node, Value},
};

/// What the conversion of a stack needs at hand.
struct Stack<'a> {
    name: &'a str,
    top: &'a Node,
    report: &'a mut Report,
}

impl Stack<'_> {
    /// A name within the stack.
    fn scoped(&self, name: &str) -> String {
        format!("{}_{name}", self.name)
    }

    /// The declaration of something at the top level.
    fn declared(&self, section: &str, name: &str) -> Option<&Node> {
        self.top.get(section).and_then(|all| all.get(name))
    }

    /// The name in the cluster of something that is declared at the top level.
    fn real_name(&self, name: &str, declaration: &Node) -> String {
        match declaration.text_of("name") {
            "" => self.scoped(name),
            given => given.to_owned(),
        }
    }

    /// Labels of the author, and the stack's.
    fn labels(&self, labels: Option<&Node>) -> BTreeMap<String, String> {
        let mut out = texts_by_key(labels);
        out.insert(ServiceSpec::STACK_LABEL.to_owned(), self.name.to_owned());
        out
    }

    fn error(&mut self, at: At, path: &str, message: impl Into<String>) {
        self.report.error(at, path, message);
    }
}

/// A map of texts; empty if there is none.
fn texts_by_key(node: Option<&Node>) -> BTreeMap<String, String> {
    node.map_or(&[][..], Node::entries)
        .iter()
        .map(|entry| {
            let text = entry.value.as_text().unwrap_or_default();
            (entry.key.clone(), text.to_owned())
        })
        .collect()
}

fn json_map(map: BTreeMap<String, String>) -> Json {
    map.into_iter()
        .map(|(key, value)| (key, Json::String(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The number under a key as docker writes it: whole where it is whole.
fn number(node: &Node, key: &str) -> Json {
    match node.get(key).map(|node| &node.value) {
        Some(Value::Float(number)) if number.fract() != 0.0 => Json::from(*number),
        Some(Value::Float(number)) => Json::from(i64::from(*number != 0.0)),
        Some(Value::Int(number)) => Json::from(*number),
        _ => Json::from(0),
    }
}
