//! `shoal-sim bugs`, and what follows `--bug`.

use std::process::ExitCode;

use shoal_sim::bugs::{self, Bug, COMMAND, Known};

use super::{note, say};

/// Lists them.
pub(crate) fn run() -> ExitCode {
    for known in &bugs::ALL {
        let Known {
            name, what, rule, ..
        } = known;
        say(&format!("{name}: {what}; caught by: {rule}"));
    }
    match bugs::are_in() {
        true => note("put one back with: shoal-sim fuzz --bug NAME"),
        false => note(&format!(
            "not in this build; put one back with: {COMMAND} fuzz --bug NAME"
        )),
    }
    ExitCode::SUCCESS
}

/// Reads the name of a bug.
pub(crate) fn parse(name: &str) -> Result<Bug, String> {
    let known = bugs::find(name).ok_or_else(|| unknown(name))?;
    match bugs::are_in() {
        true => Ok(known.bug),
        false => Err(format!(
            "this build has no bugs to put back; this one has: {COMMAND} fuzz --bug {name}"
        )),
    }
}

/// The option with which a bug is put back again, after a blank. Nothing for none.
pub(crate) fn option(bug: Option<Bug>) -> String {
    let known = bugs::ALL.iter().find(|known| Some(known.bug) == bug);
    known.map_or_else(String::new, |known| format!(" --bug {}", known.name))
}

fn unknown(name: &str) -> String {
    let names: Vec<&str> = bugs::ALL.iter().map(|known| known.name).collect();
    let nearest = names.iter().min_by_key(|known| distance(known, name));
    let hint = nearest
        .filter(|known| distance(known, name) <= name.len() / 2)
        .map_or_else(String::new, |known| format!(" (did you mean {known}?)"));
    format!("no such bug{hint}; there are: {}", names.join(", "))
}

/// Letters to add, drop or replace (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], above + 1);
        for (at, against) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *against);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_right_is_recognised() {
        assert_eq!(distance("dots-reused", "dot-reuse"), 2);
        let error = parse("dot-reuse").unwrap_err();
        assert!(error.contains("did you mean dots-reused?"), "{error}");
        let error = parse("x").unwrap_err();
        assert!(!error.contains("did you mean"), "{error}");
        assert!(error.contains("break-before-make"), "{error}");
    }

    #[test]
    fn only_a_build_that_has_bugs_puts_one_back() {
        match parse("dots-reused") {
            Ok(bug) => assert!(bugs::are_in() && option(Some(bug)) == " --bug dots-reused"),
            Err(error) => assert!(!bugs::are_in() && error.contains("--features bugs")),
        }
    }
}
