//! What each source file opens with, and what none of them holds.

use super::{nothing_of, tree};

/// Places on somebody's machine, and papers that are not part of the project. Put together here, so
/// that this file does not hold them itself.
fn foreign() -> [String; 5] {
    [
        ["/wo", "rk/"].concat(),
        ["/tmp", "/wt/"].concat(),
        ["/tmp", "/tgt/"].concat(),
        ["../sha", "red"].concat(),
        ["DES", "IGN.md"].concat(),
    ]
}

#[test]
fn every_module_says_what_it_is() {
    let sources = tree::files_with_end(".rs");
    let silent = sources
        .iter()
        .filter(|file| file.path.contains("/src/") && !file.text.starts_with("//!"))
        .map(|file| format!("{}: open it with `//!` and what it is", file.path));
    nothing_of(&silent.collect::<Vec<_>>());
}

#[test]
fn nothing_points_outside_the_project() {
    let foreign = foreign();
    let mut findings = Vec::new();
    for file in tree::files() {
        for (number, line) in (1..).zip(file.text.lines()) {
            if let Some(found) = foreign.iter().find(|text| line.contains(*text)) {
                let path = &file.path;
                findings.push(format!(
                    "{path}:{number}: {found} exists on one machine only"
                ));
            }
        }
    }
    nothing_of(&findings);
}
