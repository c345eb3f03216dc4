//! The demo's folder: a data directory and a log for each node, the Compose file, and the sockets,
//! which move elsewhere if their paths would be too long for the kernel.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Longest path of a socket in bytes: `sun_path` of unix(7) less its final zero.
const SOCKET_PATH_MAX: usize = 107;
/// What a socket's name adds to its folder: `/n100.sock`.
const SOCKET_NAME_MAX: usize = 10;
/// Folders for sockets when the demo's own has too long a path.
const SHORT_FOLDERS: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];
/// How the names of new folders begin.
const PREFIX: &str = "shoal-demo-";

/// The folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Another folder for the sockets.
    sockets: Option<PathBuf>,
    /// Whether the folder was there before, and stays.
    was_there: bool,
}

impl Folder {
    /// Makes a new temporary folder, or takes an empty one.
    ///
    /// # Errors
    /// A sentence: it can't be made, or is not empty.
    pub(super) fn make(wanted: Option<&Path>) -> Result<Self, String> {
        let (path, was_there) = match wanted {
            None => (temporary(&std::env::temp_dir())?, false),
            Some(path) => take(path)?,
        };
        let mut folder = Self {
            path,
            sockets: None,
            was_there,
        };
        if folder.path.as_os_str().len() + SOCKET_NAME_MAX > SOCKET_PATH_MAX {
            let made = SHORT_FOLDERS
                .iter()
                .find_map(|parent| temporary(Path::new(parent)).ok());
            match made {
                Some(sockets) => folder.sockets = Some(sockets),
                None => {
                    let path = folder.path.display().to_string();
                    // It is empty, and there is an error to report already.
                    let _ = folder.remove();
                    return Err(format!(
                        "the path {path} is too long for sockets, and no folder can be made in \
                         {}; choose a shorter one with --data-dir",
                        SHORT_FOLDERS.join(", ")
                    ));
                }
            }
        }
        Ok(folder)
    }

    /// Where data and logs are: an absolute path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The other folder, if there is one.
    pub(super) fn second(&self) -> Option<&Path> {
        self.sockets.as_deref()
    }

    /// Path of a node's socket.
    pub(super) fn socket(&self, node: &str) -> PathBuf {
        let folder = self.sockets.as_deref().unwrap_or(&self.path);
        folder.join(format!("{node}.sock"))
    }

    /// Removes everything in it, and it itself unless it was there before.
    pub(super) fn remove(&self) -> Result<(), String> {
        let removed = match self.was_there {
            true => empty(&self.path),
            false => gone(fs::remove_dir_all(&self.path)),
        };
        let removed = removed.and(self.remove_second());
        removed.map_err(|error| format!("can't remove {}: {error}", self.path.display()))
    }

    /// Removes the other folder, if there is one: there is nothing to read in it.
    pub(super) fn remove_second(&self) -> io::Result<()> {
        match &self.sockets {
            Some(folder) => gone(fs::remove_dir_all(folder)),
            None => Ok(()),
        }
    }
}

fn temporary(parent: &Path) -> Result<PathBuf, String> {
    let made = std::path::absolute(parent)
        .and_then(|parent| tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent));
    let made = made.map_err(|error| {
        format!(
            "can't make a folder in {}: {error}; choose one with --data-dir, or another TMPDIR",
            parent.display()
        )
    })?;
    Ok(made.keep())
}

/// The folder at this path, and whether it was there before.
fn take(path: &Path) -> Result<(PathBuf, bool), String> {
    let fail = |error: io::Error| format!("can't use the folder {}: {error}", path.display());
    let absolute = std::path::absolute(path).map_err(fail)?;
    match fs::read_dir(&absolute) {
        Ok(mut entries) => match entries.next() {
            None => Ok((absolute, true)),
            Some(_) => Err(format!(
                "{} is not empty: the demo wants a folder of its own, which it empties at its end",
                path.display()
            )),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(&absolute).map_err(fail)?;
            Ok((absolute, false))
        }
        Err(error) => Err(fail(error)),
    }
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

/// What is gone already is removed.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let there = tempfile::tempdir().unwrap();
        fs::write(there.path().join("letter"), "dear").unwrap();
        let error = Folder::make(Some(there.path())).unwrap_err();
        assert!(error.contains("is not empty"), "{error}");
        assert!(there.path().join("letter").exists());
    }

    #[test]
    fn an_empty_folder_is_emptied_and_a_new_one_removed() {
        let there = tempfile::tempdir().unwrap();
        let folder = Folder::make(Some(there.path())).unwrap();
        fs::create_dir(there.path().join("n1")).unwrap();
        folder.remove().unwrap();
        assert_eq!(fs::read_dir(there.path()).unwrap().count(), 0);

        let new = there.path().join("a/b");
        let folder = Folder::make(Some(&new)).unwrap();
        folder.remove().unwrap();
        assert!(!new.exists());
    }

    #[test]
    fn sockets_of_a_folder_with_a_long_path_are_elsewhere() {
        let there = tempfile::tempdir().unwrap();
        let long = there.path().join("x".repeat(100));
        let folder = Folder::make(Some(&long)).unwrap();
        let socket = folder.socket("n100");
        assert!(socket.as_os_str().len() <= SOCKET_PATH_MAX, "{socket:?}");
        std::os::unix::net::UnixListener::bind(&socket).unwrap();
        folder.remove().unwrap();
        assert!(!socket.exists() && !long.exists());
    }
}
