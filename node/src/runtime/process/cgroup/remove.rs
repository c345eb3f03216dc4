//! Removing a cgroup: a folder whose files can't be removed and go with it.

use std::{fs, io, path::Path};

use super::file::FileError;

/// Removes a cgroup with all below it, where a program may have made its own. Gone is fine. As
/// only empty folders are removed, nothing but cgroups can be.
pub(super) fn all(folder: &Path) -> Result<(), FileError> {
    match fs::remove_dir(folder) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => {}
    }
    let entries = fs::read_dir(folder).map_err(|error| FileError::new(folder, error))?;
    for entry in entries.flatten() {
        // A link is no folder here.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all(&entry.path())?;
        }
    }
    fs::remove_dir(folder).map_err(|error| FileError::new(folder, error))
}
