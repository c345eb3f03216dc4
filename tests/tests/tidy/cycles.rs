//! The top-level modules of a crate form no circle: each can be read after those that it names.

use std::collections::BTreeSet;

use super::{
    imports::{self, Graph},
    nothing_of,
};

const CRATES: [&str; 5] = ["membership", "scheduler", "net", "node", "simulations"];

#[test]
fn modules_form_no_circle() {
    let mut findings = Vec::new();
    for folder in CRATES {
        let circle = circle_in(&imports::graph(folder));
        findings.extend(circle.map(|names| format!("{folder}: {}", names.join(" -> "))));
    }
    nothing_of(&findings);
}

/// A circle, if there is one, from a module back to itself.
fn circle_in(graph: &Graph) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    graph
        .keys()
        .find_map(|module| visit(graph, module, &mut Vec::new(), &mut done))
}

fn visit(
    graph: &Graph,
    module: &str,
    path: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(start) = path.iter().position(|above| above == module) {
        let mut circle = path[start..].to_vec();
        circle.push(module.to_owned());
        return Some(circle);
    }
    if done.contains(module) {
        return None;
    }
    path.push(module.to_owned());
    let below = graph.get(module).into_iter().flatten();
    let circle = below
        .into_iter()
        .find_map(|next| visit(graph, next, path, done));
    path.pop();
    done.insert(module.to_owned());
    circle
}

#[test]
fn a_circle_is_found_and_a_diamond_is_none() {
    let graph = |edges: &[(&str, &[&str])]| -> Graph {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        edges
            .iter()
            .map(|(from, to)| ((*from).to_owned(), owned(to)))
            .collect()
    };
    let diamond = graph(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[])]);
    assert_eq!(circle_in(&diamond), None);
    let circle = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]);
    assert_eq!(circle_in(&circle).unwrap(), ["b", "c", "b"]);
}

#[test]
fn imports_are_read_in_all_their_forms() {
    let code = imports::without_tests(
        "use crate::{a::{x, y}, b, // crate::no\n c::Z};\nfn f() { crate::d::g(); other_crate::e(); }\n\
         pub(in crate::h) fn i() {}\n#[cfg(test)]\nmod tests {\n use crate::only_tests;\n}\n",
    );
    let names = imports::first_names(&code);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(names, ["a", "b", "c", "d", "h"]);
}

#[test]
fn the_graph_sees_what_is_there() {
    let scheduler = imports::graph("scheduler");
    assert!(scheduler["peer"].contains("registry"));
    let membership = imports::graph("membership");
    let by_re_export = &membership["receive"];
    assert!(
        by_re_export.contains("membership"),
        "names that the root passes on are followed: {by_re_export:?}"
    );
}
