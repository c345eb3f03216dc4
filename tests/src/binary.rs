//! Where the program under test is.

use std::path::PathBuf;

/// The `shoal` binary: `SHOAL_BIN`, or the one that was built beside this test.
///
/// # Panics
/// If there is none, with the command that makes it.
#[must_use]
pub fn shoal_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("SHOAL_BIN") {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "SHOAL_BIN={} is no file", path.display());
        return path;
    }
    let test = std::env::current_exe().expect("this test has a path");
    let profile = test.parent().and_then(|deps| deps.parent());
    let path = profile.expect("target/PROFILE/deps/TEST").join("shoal");
    assert!(
        path.is_file(),
        "{} is not there: run `cargo build -p shoal` first, or set SHOAL_BIN",
        path.display()
    );
    path
}
