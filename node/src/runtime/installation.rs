//! Whose containers an agent's are: the name of its data directory, made once and never changed.
//!
//! It outlives the node's key, which is set aside when the node leaves: so what the node ran before can be
//! cleared away. A directory's path would not do: two agents in containers of their own may share one
//! engine, each with the same path.

use std::{fs, io, io::Write, path::Path};

use rand::TryRng;
use shoal_membership::identity::Base36;

/// The file in the data directory.
const FILE: &str = "engine-owner";

/// The name, made if there is none yet.
///
/// # Errors
/// If it can't be read or written, or is none.
pub(crate) fn of(data_dir: &Path) -> io::Result<String> {
    let path = data_dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) if text.trim().parse::<Base36>().is_ok() => Ok(text.trim().to_owned()),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "{} is damaged: remove it, and the containers that this machine runs for Shoal with it",
                path.display()
            ),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(data_dir, &path),
        Err(error) => Err(error),
    }
}

/// On the disk before any container has it.
fn make(data_dir: &Path, path: &Path) -> io::Result<String> {
    let mut bytes = [0; 16];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(io::Error::other)?;
    let name = Base36(u128::from_le_bytes(bytes)).to_string();
    fs::create_dir_all(data_dir)?;
    let mut file = tempfile::NamedTempFile::new_in(data_dir)?;
    file.write_all(name.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs::File::open(data_dir)?.sync_all()?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_keeps_its_name_and_no_other_has_it() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = of(one.path()).unwrap();
        assert_eq!(of(one.path()).unwrap(), first);
        assert_ne!(of(two.path()).unwrap(), first);
        fs::write(two.path().join(FILE), "?").unwrap();
        let error = of(two.path()).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
    }
}
