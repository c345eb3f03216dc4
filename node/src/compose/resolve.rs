//! What a file takes from its surroundings: variables of files and of the environment, and absolute
//! paths. Works on the canonical form, in place, one file at a time and before files are merged.

use std::collections::BTreeMap;

use super::{
    diagnostic::Report,
    node::{At, Entry, Node, Value},
    source::{Environment, variables_of_file},
};

/// Fills in what a file leaves to its surroundings.
pub(crate) fn resolve(top: &mut Node, environment: &Environment, report: &mut Report) {
    each(top, "services", |name, service| {
        variables(name, service, environment, report);
        bind_paths(service, environment);
    });
    for section in ["secrets", "configs"] {
        each(top, section, |_, object| {
            if let Some(file) = object.get("file").cloned() {
                let path = environment.absolute(file.as_text().unwrap_or_default());
                object.set("file", Node::text(path.display().to_string(), file.at));
            }
        });
    }
    for section in ["networks", "volumes", "secrets", "configs"] {
        each(top, section, |name, object| {
            if object.is_true("external") && object.get("name").is_none() {
                let at = object.at;
                object.set("name", Node::text(name, at));
            }
        });
    }
}

fn each(top: &mut Node, section: &str, mut run: impl FnMut(&str, &mut Node)) {
    let Value::Map(sections) = &mut top.value else {
        return;
    };
    let found = sections.iter_mut().find(|entry| entry.key == section);
    if let Some(Value::Map(entries)) = found.map(|entry| &mut entry.value.value) {
        for entry in entries {
            run(&entry.key, &mut entry.value);
        }
    }
}

/// `env_file` goes into `environment`, whose own entries beat it. A name without a value, or with
/// an empty one, takes the value of the environment if there is one.
fn variables(name: &str, service: &mut Node, environment: &Environment, report: &mut Report) {
    let mut all: BTreeMap<String, Entry> = BTreeMap::new();
    let files = service.get("env_file").cloned();
    for (index, file) in files.iter().flat_map(Node::items).enumerate() {
        let path = format!("services.{name}.env_file[{index}]");
        for (variable, value) in of_file(file, &path, environment, report) {
            let value = value.map_or(Value::Null, Value::Text);
            all.insert(
                variable.clone(),
                Entry::new(variable, Node::new(value, file.at)),
            );
        }
    }
    let own = service.get("environment").cloned();
    for entry in own.iter().flat_map(Node::entries) {
        all.insert(entry.key.clone(), entry.clone());
    }
    for entry in all.values_mut() {
        let is_empty = match &entry.value.value {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            _ => false,
        };
        if let (true, Some(value)) = (is_empty, environment.variables.get(&entry.key)) {
            entry.value.value = Value::Text(value.clone());
        }
    }
    if let Value::Map(entries) = &mut service.value {
        entries.retain(|entry| entry.key != "env_file");
    }
    if !all.is_empty() {
        let at = own.or(files).map_or(At::default(), |node| node.at);
        service.set(
            "environment",
            Node::new(Value::Map(all.into_values().collect()), at),
        );
    }
}

fn of_file(
    file: &Node,
    path: &str,
    environment: &Environment,
    report: &mut Report,
) -> Vec<(String, Option<String>)> {
    let named = file.text_of("path");
    if named.is_empty() {
        return Vec::new();
    }
    let place = environment.absolute(named);
    let is_optional = file
        .get("required")
        .is_some_and(|node| node.value == Value::Bool(false));
    if is_optional && !place.exists() {
        return Vec::new();
    }
    variables_of_file(&place).unwrap_or_else(|why| {
        report.error(file.at, path, format!("cannot read {named:?}: {why}"));
        Vec::new()
    })
}

fn bind_paths(service: &mut Node, environment: &Environment) {
    let Value::Map(entries) = &mut service.value else {
        return;
    };
    let volumes = entries.iter_mut().find(|entry| entry.key == "volumes");
    let Some(Value::List(items)) = volumes.map(|entry| &mut entry.value.value) else {
        return;
    };
    for item in items
        .iter_mut()
        .filter(|item| item.text_of("type") == "bind")
    {
        if let Some(source) = item.get("source").cloned() {
            let path = environment.expanded(source.as_text().unwrap_or_default());
            item.set("source", Node::text(path.display().to_string(), source.at));
        }
    }
}
