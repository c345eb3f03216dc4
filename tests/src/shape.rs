//! The shape of an answer: which fields it has, and of which types.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The fields of a value, each with its type: `[].Spec.Name string`. Keys of maps that people fill are left
/// out.
fn shape(value: &Value, path: &str, into: &mut BTreeMap<String, &'static str>) {
    const FREE: [&str; 9] = [
        "Labels",
        "Options",
        "Sysctls",
        "Attributes",
        "Containers",
        "DriverOpts",
        "LogDriver",
        "Global",
        "Meta",
    ];
    let kind = match value {
        Value::Null => return,
        // A body that is none.
        Value::String(text) if text.is_empty() && path.is_empty() => return,
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(list) => {
            for one in list {
                shape(one, &format!("{path}[]"), into);
            }
            "list"
        }
        Value::Object(map) => {
            if !FREE.iter().any(|free| path.ends_with(free)) {
                for (key, one) in map {
                    shape(one, &format!("{path}.{key}"), into);
                }
            }
            "object"
        }
    };
    into.insert(path.to_owned(), kind);
}

/// What of one answer is missing in the other, or of another type. Where there is nothing to look into, as in an
/// empty list, nothing is missed.
#[must_use]
pub fn missing(theirs: &Value, ours: &Value) -> BTreeSet<String> {
    let (mut wanted, mut there) = (BTreeMap::new(), BTreeMap::new());
    shape(theirs, "", &mut wanted);
    shape(ours, "", &mut there);
    let is_seen = |path: &str| {
        let parent = path
            .rsplit_once(['.', '['])
            .map_or("", |(parent, _)| parent);
        parent.is_empty() || there.contains_key(parent)
    };
    let missing = wanted
        .iter()
        .filter_map(|(path, kind)| match there.get(path) {
            Some(known) if known == kind => None,
            Some(known) => Some(format!("{path} is a {known}, not a {kind}")),
            None if is_seen(path) && !path.ends_with("[]") => Some(path.clone()),
            None => None,
        });
    missing.collect()
}
