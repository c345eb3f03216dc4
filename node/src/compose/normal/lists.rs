//! Lists and maps of texts: words, `key=value`, hosts.

use super::{Normaliser, values::plain_text};
use crate::compose::node::{Entry, Node, Value};

impl Normaliser<'_> {
    pub(super) fn texts(&mut self, node: &Node) -> Option<Vec<Node>> {
        match &node.value {
            Value::Text(_) => Some(vec![Node::text(self.text(node)?, node.at)]),
            Value::List(items) => {
                let mut out = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let text = self.within(&format!("[{index}]"), |this| this.text(item));
                    out.extend(text.map(|text| Node::text(text, item.at)));
                }
                Some(out)
            }
            _ => self.unfit(node, "a list of texts"),
        }
    }

    pub(super) fn command(&mut self, node: &Node) -> Option<Vec<Node>> {
        let Some(line) = node.as_text() else {
            return self.texts(node);
        };
        self.text(node)?;
        match shlex::split(line) {
            Some(words) => Some(
                words
                    .into_iter()
                    .map(|word| Node::text(word, node.at))
                    .collect(),
            ),
            None => self.error(node, "cannot be split into words: a quote is not closed"),
        }
    }

    pub(super) fn health_test(&mut self, node: &Node) -> Option<Vec<Node>> {
        if node.as_text().is_some() {
            let line = self.text(node)?;
            return Some(vec![
                Node::text("CMD-SHELL", node.at),
                Node::text(line, node.at),
            ]);
        }
        let words = self.texts(node)?;
        match words.first().and_then(Node::as_text) {
            None | Some("NONE" | "CMD" | "CMD-SHELL") => Some(words),
            Some(_) => self.error(node, "the first item must be CMD, CMD-SHELL or NONE"),
        }
    }

    pub(super) fn mapping(&mut self, node: &Node, keeps_null: bool) -> Option<Vec<Entry>> {
        let pairs: Vec<Entry> = match &node.value {
            Value::Map(entries) => entries.clone(),
            Value::List(items) => items
                .iter()
                .filter_map(|item| {
                    let text = self.text(item)?;
                    let (key, value) = match text.split_once('=') {
                        Some((key, value)) => (key, Value::Text(value.to_owned())),
                        None => (text.as_str(), Value::Null),
                    };
                    Some(Entry::new(key, Node::new(value, item.at)))
                })
                .collect(),
            _ => return self.unfit(node, "a map or a list of key=value"),
        };
        let mut out = std::collections::BTreeMap::new();
        for mut entry in pairs {
            let value = self.within(&entry.key, |this| this.mapping_value(&entry, keeps_null));
            if let Some(value) = value {
                entry.value.value = value;
                out.insert(entry.key.clone(), entry);
            }
        }
        Some(out.into_values().collect())
    }

    pub(super) fn mapping_value(&mut self, entry: &Entry, keeps_null: bool) -> Option<Value> {
        if entry.key.is_empty() || entry.key.contains('\0') {
            return self.error(
                &entry.value,
                "a key must not be empty or contain a zero byte",
            );
        }
        match &entry.value.value {
            Value::Null if keeps_null => Some(Value::Null),
            Value::Null => Some(Value::Text(String::new())),
            Value::Int(_) | Value::Float(_) => plain_text(&entry.value).map(Value::Text),
            _ => self.text(&entry.value).map(Value::Text),
        }
    }

    pub(super) fn hosts(&mut self, node: &Node) -> Option<Vec<Node>> {
        let pairs: Vec<Node> = match &node.value {
            Value::Map(entries) => entries
                .iter()
                .flat_map(|entry| {
                    let alone = std::slice::from_ref(&entry.value);
                    let addresses = match &entry.value.value {
                        Value::List(items) => items.as_slice(),
                        _ => alone,
                    };
                    addresses.iter().map(|address| {
                        Node::text(
                            format!("{}:{}", entry.key, address.as_text().unwrap_or_default()),
                            address.at,
                        )
                    })
                })
                .collect(),
            _ => self.texts(node)?,
        };
        Some(pairs.iter().filter_map(|pair| self.host(pair)).collect())
    }

    pub(super) fn host(&mut self, pair: &Node) -> Option<Node> {
        let text = pair.as_text().unwrap_or_default();
        let (host, address) = text.split_once([':', '=']).unwrap_or((text, ""));
        let bare = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(address);
        let is_address = bare.parse::<std::net::IpAddr>().is_ok() || bare == "host-gateway";
        if host.is_empty() || !is_address {
            return self.error(pair, format!("must be host:address, not {text:?}"));
        }
        Some(Node::text(format!("{host}:{bare}"), pair.at))
    }
}
