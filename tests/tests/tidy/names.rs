//! A name says what is in it.

use super::{nothing_of, tree};

/// Names that say nothing: whatever is put there has a better one.
const SAY_NOTHING: [&str; 10] = [
    "utils", "util", "common", "helpers", "helper", "manager", "misc", "stuff", "shared", "core",
];

#[test]
fn no_module_has_a_name_that_says_nothing() {
    let sources = tree::files_with_end(".rs");
    let bad = sources.iter().filter(|file| says_nothing(&file.path));
    let findings = bad.map(|file| format!("{}: name it after what is in it", file.path));
    nothing_of(&findings.collect::<Vec<_>>());
}

fn says_nothing(path: &str) -> bool {
    path.trim_end_matches(".rs").split('/').any(|part| {
        let name = part.trim_end_matches(|digit: char| digit.is_ascii_digit());
        SAY_NOTHING.contains(&name)
    })
}

#[test]
fn folders_and_numbered_names_are_looked_at() {
    assert!(says_nothing("node/src/utils.rs"));
    assert!(says_nothing("node/src/helpers/parse.rs"));
    assert!(says_nothing("net/src/common2.rs"));
    assert!(!says_nothing("net/src/manage.rs"));
}
