//! What belongs to a cluster that this node is no longer in goes to a folder of its own: after it
//! left or was removed, or when its key turned out to be a clone's. Nothing is deleted.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    database::REGISTRY_FILE,
    error::DiskError,
    identity::{CLUSTER_FILE, KEY_FILE},
    replace::{replace, sync_directory_of},
};

/// The join token that this node shows until it is rotated.
pub const STANDING_TOKEN_FILE: &str = "standing-token";
/// Folder of the runtime's tasks.
const TASKS: &str = "tasks";
/// Says in the folder why it is there.
const REASON_FILE: &str = "why.txt";
/// Folders are numbered from 1 to this.
const NUMBER_MAX: u32 = 10_000;

/// Moves key, cluster, registry and tasks to `DATA-DIR/set-aside-N`, and notes why. The next start
/// is a first one. Close the store and stop the tasks before. If it fails halfway, calling it again
/// moves the rest, to the next N. Returns the folder.
///
/// # Errors
/// If the disk refuses.
pub fn set_aside(data_dir: &Path, why: &str) -> Result<PathBuf, DiskError> {
    let folder = make_folder(data_dir)?;
    replace(&folder.join(REASON_FILE), format!("{why}\n").as_bytes())?;
    // The key goes last: a key without a cluster is a node that starts anew; a cluster without its
    // key is an error.
    for name in [
        REGISTRY_FILE,
        TASKS,
        STANDING_TOKEN_FILE,
        CLUSTER_FILE,
        KEY_FILE,
    ] {
        let from = data_dir.join(name);
        match fs::rename(&from, folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(DiskError::on("set aside", &from)(error));
            }
            _ => {}
        }
    }
    sync_directory_of(&folder.join(REASON_FILE))?;
    sync_directory_of(&folder)?;
    Ok(folder)
}

fn make_folder(data_dir: &Path) -> Result<PathBuf, DiskError> {
    for number in 1..=NUMBER_MAX {
        let folder = data_dir.join(format!("set-aside-{number}"));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(DiskError::on("make", &folder)(error)),
        }
    }
    let error = io::Error::other("there are 10,000 of them; remove some");
    Err(DiskError::on("make one more set-aside folder in", data_dir)(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_cluster_is_moved_and_the_next_time_to_another_folder() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path();
        for number in 1..=2 {
            for name in [REGISTRY_FILE, CLUSTER_FILE, KEY_FILE] {
                fs::write(data_dir.join(name), name).unwrap();
            }
            fs::create_dir(data_dir.join(TASKS)).unwrap();
            let folder = set_aside(data_dir, "left").unwrap();
            assert_eq!(folder, data_dir.join(format!("set-aside-{number}")));
            for name in [REGISTRY_FILE, CLUSTER_FILE, KEY_FILE, TASKS] {
                assert!(folder.join(name).exists() && !data_dir.join(name).exists());
            }
        }
        let folder = set_aside(data_dir, "nothing is there").unwrap();
        assert_eq!(
            fs::read_to_string(folder.join(REASON_FILE)).unwrap(),
            "nothing is there\n"
        );
    }
}
