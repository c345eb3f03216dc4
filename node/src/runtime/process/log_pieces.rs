//! Names of the pieces of a task's log: `log.0`, `log.1` and so on, of which the last are kept.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Pieces that are kept.
pub(super) const KEPT: u64 = 2;

/// Path of a piece.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("log.{number}"))
}

/// Numbers of the pieces that are there, in order.
pub(super) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = fs::read_dir(folder)?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            name.to_str()?.strip_prefix("log.")?.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}
