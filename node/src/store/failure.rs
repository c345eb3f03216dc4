//! What an error of redb means for the file: that it is damaged, or that it is to be left alone.

use std::{io, path::Path};

use super::{
    error::{DiskError, StoreError},
    record::BadRecord,
};

/// `EIO`: the medium itself can't be read.
const MEDIUM_ERROR: i32 = nix::errno::Errno::EIO as i32;

/// Why a file can't be used.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is not as it was written.
    Damaged(String),
    /// It is to stay as it is.
    Refused(StoreError),
}

impl Failure {
    /// What an error of redb means.
    pub(super) fn of(error: redb::Error, path: &Path) -> Self {
        match error {
            redb::Error::Io(error) if !is_damage(&error) => {
                Self::Refused(DiskError::on("use", path)(error).into())
            }
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                let path = path.to_owned();
                Self::Refused(StoreError::InUse { path })
            }
            redb::Error::PreviousIo => {
                let error = io::Error::other("an earlier write failed");
                Self::Refused(DiskError::on("use", path)(error).into())
            }
            other => Self::Damaged(other.to_string()),
        }
    }

    /// As an error for who can't set the file aside.
    pub(super) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Damaged(what) => {
                let path = path.to_owned();
                StoreError::Damaged { path, what }
            }
        }
    }
}

impl From<BadRecord> for Failure {
    fn from(bad: BadRecord) -> Self {
        Self::Damaged(bad.to_string())
    }
}

fn is_damage(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(
        kind,
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    ) || error.raw_os_error() == Some(MEDIUM_ERROR)
}
