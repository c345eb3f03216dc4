//! Changes to a spec's JSON. What is not named stays as it is, known to this version or not.

use serde_json::{Map, Value};

use crate::cli::lookup::Lookup;

/// Sets a field; objects on the way are made, and what is in the way is replaced.
pub(super) fn set(value: &mut Value, path: &[&str], new: Value) {
    match path {
        [] => *value = new,
        [first, rest @ ..] => {
            if !value.is_object() {
                *value = Value::Object(Map::new());
            }
            if let Value::Object(map) = value {
                let entry = map.entry(*first).or_insert(Value::Null);
                set(entry, rest, new);
            }
        }
    }
}

/// Sets a field if there is a value for it.
pub(super) fn set_some(value: &mut Value, path: &[&str], new: Option<impl Into<Value>>) {
    if let Some(new) = new {
        set(value, path, new.into());
    }
}

/// Removes elements of a list and adds others. Added ones replace those that are alike.
/// An empty list is left out.
pub(super) fn change_list(
    spec: &mut Value,
    path: &[&str],
    remove: impl Fn(&Value) -> bool,
    add: Vec<Value>,
    alike: impl Fn(&Value, &Value) -> bool,
) {
    let pointer = format!("/{}", path.join("/"));
    if add.is_empty() && spec.list(&pointer).is_empty() {
        return;
    }
    let mut list: Vec<Value> = spec.list(&pointer).to_vec();
    list.retain(|element| !remove(element));
    for new in add {
        match list.iter_mut().find(|old| alike(old, &new)) {
            Some(old) => *old = new,
            None => list.push(new),
        }
    }
    set(spec, path, list.into());
}

/// Removes and adds `KEY=VALUE` texts of a list; a key is there once.
pub(super) fn change_variables(spec: &mut Value, path: &[&str], add: &[String], rm: &[String]) {
    let key = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.split('=').next().unwrap_or_default().to_owned()
    };
    let added = add.iter().map(|text| text.clone().into()).collect();
    let is_removed = |value: &Value| rm.contains(&key(value));
    change_list(spec, path, is_removed, added, |old, new| {
        key(old) == key(new)
    });
}

/// Removes and adds whole texts of a list.
pub(super) fn change_texts(spec: &mut Value, path: &[&str], add: &[String], rm: &[String]) {
    let added = add.iter().map(|text| text.clone().into()).collect();
    let is_removed = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| rm.iter().any(|gone| gone == text))
    };
    change_list(spec, path, is_removed, added, |old, new| old == new);
}

/// Removes and adds labels and the like.
pub(super) fn change_map(spec: &mut Value, path: &[&str], add: &[(String, String)], rm: &[String]) {
    if add.is_empty() && rm.is_empty() {
        return;
    }
    let pointer = format!("/{}", path.join("/"));
    let mut map = match spec.pointer(&pointer) {
        Some(Value::Object(map)) => map.clone(),
        _ => Map::new(),
    };
    map.retain(|key, _| !rm.contains(key));
    map.extend(
        add.iter()
            .map(|(key, value)| (key.clone(), value.clone().into())),
    );
    set(spec, path, map.into());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_named_changes() {
        let mut spec = json!({"A": {"B": null, "Env": ["X=1", "Y=2"], "Unknown": 7}});
        set(&mut spec, &["A", "B", "C"], 1.into());
        let path = ["A", "Env"];
        change_variables(
            &mut spec,
            &path,
            &["X=3".into(), "Z=4".into()],
            &["Y".into()],
        );
        change_texts(&mut spec, &["A", "None"], &[], &["q".into()]);
        change_map(
            &mut spec,
            &["A", "Labels"],
            &[("k".into(), "v".into())],
            &[],
        );
        assert_eq!(
            spec,
            json!({"A": {"B": {"C": 1}, "Env": ["X=3", "Z=4"], "Unknown": 7,
                         "Labels": {"k": "v"}}})
        );
    }
}
