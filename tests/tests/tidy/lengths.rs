//! A file is one idea: at most 400 lines, or it says why not.

use super::{nothing_of, tree};

const LINES_MAX: usize = 400;
/// Within these first lines a longer file says why it is.
const REASON_WITHIN: usize = 30;
const REASON: &str = "over 400 lines because";

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let sources = tree::files_with_end(".rs");
    let too_long = sources
        .iter()
        .filter(|file| is_too_long(&file.text))
        .map(|file| {
            let lines = file.text.lines().count();
            format!(
                "{}: {lines} lines; split it, or say `{REASON} ...` at its top",
                file.path
            )
        });
    nothing_of(&too_long.collect::<Vec<_>>());
}

fn is_too_long(text: &str) -> bool {
    let mut top = text.lines().take(REASON_WITHIN);
    text.lines().count() > LINES_MAX && !top.any(|line| line.contains(REASON))
}

#[test]
fn a_reason_counts_only_at_the_top() {
    let long = "x\n".repeat(LINES_MAX + 1);
    assert!(!is_too_long(&"x\n".repeat(LINES_MAX)));
    assert!(is_too_long(&long));
    assert!(!is_too_long(&format!("//! {REASON} of this\n{long}")));
    assert!(is_too_long(&format!("{long}//! {REASON} of this\n")));
}
