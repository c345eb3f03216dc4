//! Which top-level modules of a crate name which others: `crate::a::...` written in module `b`.

use std::collections::{BTreeMap, BTreeSet};

use super::tree;

/// Module to the modules that it names.
pub(crate) type Graph = BTreeMap<String, BTreeSet<String>>;

/// The graph of the crate in this folder, its tests left out: they may know everything.
pub(crate) fn graph(folder: &str) -> Graph {
    let prefix = format!("{folder}/src/");
    let mut sources = tree::files_with_end(".rs");
    sources.retain(|file| file.path.starts_with(&prefix) && !is_test(&file.path));
    let root = tree::read(&format!("{folder}/src/lib.rs"));
    let homes = re_exports(&root);
    let mut graph = Graph::new();
    for file in &sources {
        let inner = &file.path[prefix.len()..];
        let module = inner.split('/').next().unwrap_or(inner);
        let module = module.trim_end_matches(".rs").to_owned();
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let named = first_names(&without_tests(&file.text));
        let named = named.into_iter().filter_map(|name| match homes.get(&name) {
            Some(home) => Some(home.clone()),
            None => name.starts_with(char::is_lowercase).then_some(name),
        });
        let edges = graph.entry(module.clone()).or_default();
        edges.extend(named.filter(|name| *name != module));
    }
    let modules: BTreeSet<String> = graph.keys().cloned().collect();
    for edges in graph.values_mut() {
        edges.retain(|name| modules.contains(name));
    }
    graph
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Comments, and the test module at the end of a file, cut off.
pub(crate) fn without_tests(text: &str) -> String {
    let code = match text.find("#[cfg(test)]\nmod tests {") {
        Some(end) => &text[..end],
        None => text,
    };
    let lines = code.lines().map(|line| match line.split_once("//") {
        Some((code, _)) => code,
        None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The first names behind each `crate::`, groups in braces opened.
pub(crate) fn first_names(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, marker) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | ':')) {
            continue;
        }
        names.extend(heads(&code[at + marker.len()..]));
    }
    names
}

/// The first name of a path, or of each path of a group.
fn heads(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![word(rest)];
    };
    let mut names = vec![word(group.trim_start())];
    let mut depth = 1_usize;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(word(group[at + 1..].trim_start())),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// Names that the crate's root passes on (`pub use a::{B, C};`), and the modules they come from.
fn re_exports(root: &str) -> BTreeMap<String, String> {
    let mut homes = BTreeMap::new();
    for statement in root.split(';') {
        let Some((_, path)) = statement.split_once("use ") else {
            continue;
        };
        let module = word(path.trim_start_matches("self::"));
        let names = path.split(|c: char| !c.is_alphanumeric() && c != '_');
        for name in names.filter(|name| name.starts_with(char::is_uppercase)) {
            homes.insert(name.to_owned(), module.clone());
        }
        for name in names_in_capitals(path) {
            homes.insert(name, module.clone());
        }
    }
    homes
}

fn names_in_capitals(path: &str) -> Vec<String> {
    path.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|name| name.len() > 1 && name.chars().all(|c| c.is_uppercase() || c == '_'))
        .map(str::to_owned)
        .collect()
}
