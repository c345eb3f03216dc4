//! Whether this node waits to be told which cluster it is to be in: since somebody had it leave the last one.

use std::{fs, io, path::Path};

use super::{
    error::DiskError,
    replace::{replace, sync_directory_of},
};

/// The file that says so.
const INACTIVE_FILE: &str = "inactive";

/// Notes that it left, for the next start, too.
///
/// # Errors
/// If the disk refuses.
pub fn set_inactive(data_dir: &Path) -> Result<(), DiskError> {
    let why = "this node left its cluster: docker swarm init or docker swarm join brings it into another\n";
    replace(&data_dir.join(INACTIVE_FILE), why.as_bytes())
}

/// Whether it left its cluster and is in no other.
#[must_use]
pub fn is_inactive(data_dir: &Path) -> bool {
    data_dir.join(INACTIVE_FILE).exists()
}

/// Notes that it is in a cluster.
///
/// # Errors
/// If the disk refuses.
pub fn set_active(data_dir: &Path) -> Result<(), DiskError> {
    let file = data_dir.join(INACTIVE_FILE);
    match fs::remove_file(&file) {
        Ok(()) => sync_directory_of(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(DiskError::on("remove", &file)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_left_waits_until_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_inactive(folder.path()));
        set_active(folder.path()).unwrap();
        set_inactive(folder.path()).unwrap();
        assert!(is_inactive(folder.path()));
        set_active(folder.path()).unwrap();
        assert!(!is_inactive(folder.path()));
    }
}
