//! One agent a data directory: two would use the same dots, and the same key.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::error::DiskError;

/// Name of the lock file. It stays when the lock goes: only the lock on it counts.
const LOCK_FILE: &str = "lock";

/// The right to use a data directory. Given up when dropped, or by the kernel when the process ends.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

/// Why a directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// By another agent.
    #[error(
        "{} is in use by another agent ({holder}): stop that one, or give this one a --data-dir \
         of its own", .directory.display()
    )]
    Held {
        /// The data directory.
        directory: PathBuf,
        /// `process N`, as far as is known.
        holder: String,
    },
    /// The disk or the operating system refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl DirectoryLock {
    /// Takes the data directory, which is made, for its owner only, if there is none.
    ///
    /// # Errors
    /// If another agent has it, or if it can't be made or written.
    pub fn take(data_dir: &Path) -> Result<Self, LockError> {
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(data_dir);
        made.map_err(DiskError::on("make", data_dir))?;
        // A folder that was there before may be open to all: specs hold passwords.
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(data_dir, private)
            .map_err(DiskError::on("close to others", data_dir))?;
        let path = data_dir.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(DiskError::on("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    directory: data_dir.to_owned(),
                    holder: holder(&path),
                });
            }
            Err(TryLockError::Error(error)) => Err(DiskError::on("lock", &path)(error))?,
        }
        // Only for the message above. Not worth an error, nor a flush.
        let _ = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn holder(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    match text.trim().parse::<u32>() {
        Ok(process) => format!("process {process}"),
        Err(_) => "an unknown process".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_of_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("deep").join("data");
        let held = DirectoryLock::take(&data_dir).unwrap();
        let refused = DirectoryLock::take(&data_dir).unwrap_err().to_string();
        let me = format!("process {}", std::process::id());
        assert!(refused.contains(&me), "{refused}");
        assert!(refused.contains("--data-dir"), "{refused}");
        drop(held);
        DirectoryLock::take(&data_dir).unwrap();
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("data");
        fs::write(&data_dir, "a file").unwrap();
        let refused = DirectoryLock::take(&data_dir).unwrap_err().to_string();
        assert!(refused.contains("data"), "{refused}");
    }
}
