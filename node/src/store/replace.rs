//! A small file replaced so that a power cut leaves the old one or the new one, whole.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::error::DiskError;

/// Writes `FILE.new`, for its owner only, flushes it, renames it over `FILE`, flushes the directory.
pub(super) fn replace(file: &Path, content: &[u8]) -> Result<(), DiskError> {
    let new = beside(file);
    // What an interrupted attempt left may have other rights.
    remove_if_there(&new)?;
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut opened| {
            opened.write_all(content)?;
            opened.sync_all()
        });
    written.map_err(DiskError::on("write", &new))?;
    put_in_place(&new, file)
}

/// Where the new version of a file is made.
pub(super) fn beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".new");
    PathBuf::from(name)
}

/// Renames a whole and flushed file over another, for good.
pub(super) fn put_in_place(new: &Path, file: &Path) -> Result<(), DiskError> {
    fs::rename(new, file).map_err(DiskError::on("replace", file))?;
    sync_directory_of(file)
}

/// Removes a file that may be missing.
pub(super) fn remove_if_there(file: &Path) -> Result<(), DiskError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(DiskError::on("remove", file)(error))
        }
        _ => Ok(()),
    }
}

/// Makes a rename in this file's directory last.
pub(super) fn sync_directory_of(file: &Path) -> Result<(), DiskError> {
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(DiskError::on("flush", directory))
}
