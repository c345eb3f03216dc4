//! Images of programs that people use, by `tests/images`.

use std::{path::Path, process::Command};

use shoal_tests::{Lab, Said};

/// What the script ends with if the programs can't be had here.
const UNAVAILABLE: i32 = 3;

/// Makes these, and gives them to all engines of a lab. False: they can't be had here, and stdout says why.
#[expect(clippy::print_stdout, reason = "says what was skipped, and why")]
pub(crate) fn are_had(lab: &Lab, names: &[&str]) -> bool {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/images");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("images");
    let made = Command::new(script).arg(&folder).output();
    let made = Said::from(made.expect("tests/images can be run"));
    if made.status == UNAVAILABLE {
        println!(
            "skipped: what needs images of {names:?}: {}",
            made.err.trim()
        );
        return false;
    }
    made.ok();
    for name in names {
        let tar = folder.join(format!("{name}.tar"));
        lab.run(&["import", &of(name), &tar.to_string_lossy()]).ok();
    }
    true
}

/// The image of one of them.
pub(crate) fn of(name: &str) -> String {
    format!("debian-{name}:1")
}
