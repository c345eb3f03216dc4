//! The small files of cgroups and /proc. What goes wrong is said with the path.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// More than any of these files holds, in bytes.
const SIZE_MAX: u64 = 4 << 20;

/// An attempt at a file, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}", path.display(), words(cause))]
pub(in crate::runtime::process) struct FileError {
    path: PathBuf,
    cause: io::Error,
}

impl FileError {
    pub(super) fn new(path: &Path, cause: io::Error) -> Self {
        Self {
            path: path.to_owned(),
            cause,
        }
    }
}

/// Without the number that std appends.
fn words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

/// The bytes of a file.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SIZE_MAX).read_to_end(&mut bytes));
    read.map(|_| bytes)
        .map_err(|cause| FileError::new(path, cause))
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, FileError> {
    let bytes = read_bytes(path)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes a value into a file that is there: the kernel takes it as one piece, or refuses it.
pub(super) fn write(path: &Path, value: &str) -> Result<(), FileError> {
    let file = fs::OpenOptions::new().write(true).open(path);
    file.and_then(|mut file| file.write_all(value.as_bytes()))
        .map_err(|cause| FileError::new(path, cause))
}

/// The number in a file.
pub(super) fn number(path: &Path) -> Option<u64> {
    read(path).ok()?.trim().parse().ok()
}

/// The number behind a name, in a file with a name and a number on each line.
pub(super) fn named_number(path: &Path, name: &str) -> Option<u64> {
    let text = read(path).ok()?;
    let mut pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs
        .find(|(known, _)| *known == name)?
        .1
        .trim()
        .parse()
        .ok()
}
