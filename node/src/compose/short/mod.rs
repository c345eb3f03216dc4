//! The short forms of list items: `"8080:80"`, `"data:/data:ro"` and their like.

mod ports;
mod volumes;

use super::node::{Node, Value};

/// Which short form the items of a list have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Short {
    /// None: a map always.
    None,
    /// `[published:]target[/protocol]`, with ranges.
    Port,
    /// `[source:]target[:options]`.
    Volume,
    /// The name of a secret or config.
    Source,
    /// A path.
    EnvFile,
}

/// What a short form stands for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Expanded {
    /// Maps in canonical form.
    pub(crate) nodes: Vec<Node>,
    /// What was ignored.
    pub(crate) warnings: Vec<String>,
}

impl Short {
    /// The long form.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn expand(self, item: &Node) -> Result<Expanded, String> {
        let text = match (&item.value, self) {
            (Value::Text(text), _) => text.clone(),
            (Value::Int(number), Self::Port) => number.to_string(),
            (_, Self::None) => return Err(format!("must be a map, not {}", item.kind_name())),
            _ => return Err(format!("must be text or a map, not {}", item.kind_name())),
        };
        if text.contains('\0') {
            return Err("must not contain a zero byte".to_owned());
        }
        match self {
            Self::None => Err("must be a map, not text".to_owned()),
            Self::Port => ports::expand(&text, item.at),
            Self::Volume => volumes::expand(&text, item.at),
            Self::Source => Ok(single("source", &text, item)),
            Self::EnvFile => Ok(single("path", &text, item)),
        }
    }
}

fn single(key: &str, text: &str, item: &Node) -> Expanded {
    let mut node = Node::map(item.at);
    node.set(key, Node::text(text, item.at));
    Expanded {
        nodes: vec![node],
        warnings: Vec::new(),
    }
}
