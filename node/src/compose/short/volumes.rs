//! `[source:]target[:options]`, as on Linux. A source that begins with `.`, `/` or `~` is a path
//! of the node; any other is a volume. (The docker client takes a letter before the colon for a
//! Windows drive; Shoal does not.)

use super::Expanded;
use crate::compose::node::{At, Node, Value};

/// The mount that this stands for.
pub(super) fn expand(text: &str, at: At) -> Result<Expanded, String> {
    let parts: Vec<&str> = text.split(':').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(format!("{text:?} has nothing on one side of a colon"));
    }
    let (source, target, options) = match parts.as_slice() {
        [target] => (None, *target, ""),
        [source, target] => (Some(*source), *target, ""),
        [source, target, options] => (Some(*source), *target, *options),
        _ => return Err(format!("{text:?} has too many colons: use the long form")),
    };
    let is_bind = source.is_some_and(|source| source.starts_with(['.', '/', '~']));
    let mut node = Node::map(at);
    node.set(
        "type",
        Node::text(if is_bind { "bind" } else { "volume" }, at),
    );
    if let Some(source) = source {
        node.set("source", Node::text(source, at));
    }
    node.set("target", Node::text(target, at));
    let mut warnings = Vec::new();
    for option in options.split(',').filter(|option| !option.is_empty()) {
        warnings.extend(apply(&mut node, option, is_bind, at)?);
    }
    Ok(Expanded {
        nodes: vec![node],
        warnings,
    })
}

fn apply(node: &mut Node, option: &str, is_bind: bool, at: At) -> Result<Option<String>, String> {
    let nested = |key: &str, value: Node| {
        let mut inner = Node::map(at);
        inner.set(key, value);
        inner
    };
    match option {
        "rw" => {}
        "ro" => node.set("read_only", Node::new(Value::Bool(true), at)),
        "nocopy" if !is_bind => {
            node.set("volume", nested("nocopy", Node::new(Value::Bool(true), at)));
        }
        "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" if is_bind => {
            node.set("bind", nested("propagation", Node::text(option, at)));
        }
        "z" | "Z" => {
            return Ok(Some(format!(
                "the option {option} is ignored: the label of the path is not changed"
            )));
        }
        "cached" | "delegated" | "consistent" => {}
        _ => return Err(format!("the option {option:?} is not supported here")),
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        let expanded = expand(text, At::default())?;
        let node = &expanded.nodes[0];
        let flags = [
            (node.is_true("read_only"), " ro"),
            (
                node.under(&["volume"])
                    .is_some_and(|inner| inner.is_true("nocopy")),
                " nocopy",
            ),
            (!expanded.warnings.is_empty(), " warned"),
        ];
        let mut out = format!(
            "{} {}->{}",
            node.text_of("type"),
            node.text_of("source"),
            node.text_of("target")
        );
        for (is_set, name) in flags {
            out.push_str(if is_set { name } else { "" });
        }
        Ok(out
            + node
                .get("bind")
                .map_or("", |inner| inner.text_of("propagation")))
    }

    #[test]
    fn short_volumes() {
        for (text, wanted) in [
            ("/anon", "volume ->/anon"),
            ("data:/data", "volume data->/data"),
            ("v:/a", "volume v->/a"),
            ("./x:/y:ro", "bind ./x->/y ro"),
            ("/x:/y:rshared", "bind /x->/yrshared"),
            ("~/f:/g", "bind ~/f->/g"),
            ("vol:/z:nocopy,ro", "volume vol->/z ro nocopy"),
            ("/x:/y:Z", "bind /x->/y warned"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(wanted), "{text}");
        }
        for text in [
            "",
            ":/x",
            "a:b:c:d",
            "a:/b:what",
            "/x:/y:nocopy",
            "a:/b:shared",
        ] {
            assert!(shown(text).is_err(), "{text:?}");
        }
    }
}
