//! What can go wrong with a file, said so that its owner knows what to do.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use shoal_membership::ClusterId;

/// The operating system refused something. Shown with the path and with advice.
#[derive(Debug)]
pub struct DiskError {
    /// What was tried, as in "can't ... PATH".
    pub action: &'static str,
    /// With which file.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

impl DiskError {
    /// For `map_err`: names the action and the file.
    pub(super) fn on(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self {
            action,
            path,
            source,
        }
    }

    fn advice(&self) -> &'static str {
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "; free some space on that disk"
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                "; remount that file system for writing, or choose another --data-dir"
            }
            io::ErrorKind::PermissionDenied => {
                "; give the agent's user read and write access to it, or choose another --data-dir"
            }
            io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => {
                "; move away what is in its place"
            }
            _ => "; check that disk (dmesg may say more)",
        }
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (action, path) = (self.action, self.path.display());
        write!(f, "can't {action} {path}: {}{}", self.source, self.advice())
    }
}

impl std::error::Error for DiskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Why the store can't be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was touched.
    #[error(
        "{} was made by a newer version of Shoal (format {found}, this version reads up to \
         {known}): upgrade this node, or move {} away",
        .path.display(), .path.parent().unwrap_or(.path).display()
    )]
    NewerFormat {
        /// Of this file.
        path: PathBuf,
        /// What it has.
        found: u32,
        /// The newest that this version reads.
        known: u32,
    },
    /// Nothing was touched.
    #[error(
        "{} belongs to cluster {found}, this node to cluster {expected}: leave that cluster \
         first, or move the file away", .path.display()
    )]
    OtherCluster {
        /// This file.
        path: PathBuf,
        /// Whose it is.
        found: ClusterId,
        /// Whose it should be.
        expected: ClusterId,
    },
    /// Another process has it open.
    #[error("{} is in use by another process: stop that one first", .path.display())]
    InUse {
        /// This file.
        path: PathBuf,
    },
    /// Found while it is open. What was to be written is not written; see
    /// [`Store::replace_damaged`](super::Store::replace_damaged).
    #[error("{} is damaged ({what}): it is set aside and written anew; try again", .path.display())]
    Damaged {
        /// This file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The disk or the operating system refused. What was to be written is not written, whole.
    #[error(transparent)]
    Disk(#[from] DiskError),
}
