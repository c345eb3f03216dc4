//! The file that holds the seed of the node's key, as ssh keeps its keys: for its owner alone.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rand::TryRng;
use shoal_membership::SecretKey;

use super::{error::DiskError, replace::replace};

/// Rights of anybody but the owner.
const OTHERS: u32 = 0o077;

/// Why the key can't be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Others may read it, so others may be this node.
    #[error("{} can be read by other users (mode {mode:o}): chmod 600 {}", .path.display(),
            .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Not the seed of a key.
    #[error(
        "{} does not hold a key (64 hexadecimal digits): restore it from a backup, or move the \
         data directory away and join anew", .0.display()
    )]
    Malformed(PathBuf),
    /// The disk or the operating system refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// The key in this file. None: there is no such file.
pub(super) fn load(path: &Path) -> Result<Option<SecretKey>, KeyFileError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DiskError::on("read", path)(error).into()),
    };
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_file() && mode & OTHERS != 0 {
        let path = path.to_owned();
        return Err(KeyFileError::Open { path, mode });
    }
    let text = fs::read(path).map_err(DiskError::on("read", path))?;
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim_ascii(), &mut seed)
        .map_err(|_| KeyFileError::Malformed(path.to_owned()))?;
    Ok(Some(SecretKey::from_seed(&seed)))
}

/// Makes a key from the operating system's entropy, and keeps it in this file.
pub(super) fn make(path: &Path) -> Result<SecretKey, KeyFileError> {
    let mut seed = [0; 32];
    rand::rngs::SysRng
        .try_fill_bytes(&mut seed)
        .map_err(|error| {
            let error = io::Error::other(error);
            DiskError::on("get random bytes from", Path::new("the operating system"))(error)
        })?;
    replace(path, format!("{}\n", hex::encode(seed)).as_bytes())?;
    Ok(SecretKey::from_seed(&seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_and_only_its_owner_may_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node.key");
        assert!(load(&path).unwrap().is_none());
        let made = make(&path).unwrap();
        assert_eq!(load(&path).unwrap().unwrap().to_seed(), made.to_seed());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&path), 0o600);
        for open in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let refused = load(&path).unwrap_err().to_string();
            assert!(refused.contains("chmod 600"), "{refused}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node.key");
        for text in ["", "00", &"0".repeat(63), &"g".repeat(64), "\u{fffd}"] {
            replace(&path, text.as_bytes()).unwrap();
            assert!(matches!(load(&path), Err(KeyFileError::Malformed(_))));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
