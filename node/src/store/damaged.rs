//! A file that is not as it was written is renamed, not deleted: its owner may want to look at it.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::{error::DiskError, replace::sync_directory_of};

/// Damaged files kept of each name; the oldest goes.
const DAMAGED_MAX: usize = 5;

/// Renames `FILE` to `FILE.damaged-N`, with the next free N. Returns the new path.
pub(super) fn put_aside(file: &Path) -> Result<PathBuf, DiskError> {
    let mut kept = kept_of(file)?;
    kept.sort_unstable();
    let number = kept.last().map_or(1, |last| last.saturating_add(1));
    let aside = numbered(file, number);
    fs::rename(file, &aside).map_err(DiskError::on("set aside the damaged", file))?;
    let surplus = (kept.len() + 1).saturating_sub(DAMAGED_MAX);
    for old in &kept[..surplus] {
        let old = numbered(file, *old);
        fs::remove_file(&old).map_err(DiskError::on("remove", &old))?;
    }
    sync_directory_of(&aside)?;
    Ok(aside)
}

fn numbered(file: &Path, number: u64) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(format!(".damaged-{number}"));
    PathBuf::from(name)
}

fn kept_of(file: &Path) -> Result<Vec<u64>, DiskError> {
    let directory = file.parent().unwrap_or(Path::new("."));
    let prefix = format!(
        "{}.damaged-",
        file.file_name().unwrap_or_default().to_string_lossy()
    );
    let listed = fs::read_dir(directory).map_err(DiskError::on("list", directory))?;
    Ok(listed
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_prefix(&prefix)?.parse().ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_up_and_the_oldest_of_more_than_five_goes() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("registry.redb");
        for number in 1..=7_u64 {
            fs::write(&file, number.to_string()).unwrap();
            let aside = put_aside(&file).unwrap();
            assert_eq!(aside, numbered(&file, number));
            assert_eq!(fs::read_to_string(aside).unwrap(), number.to_string());
        }
        let mut kept = kept_of(&file).unwrap();
        kept.sort_unstable();
        assert_eq!(kept, [3, 4, 5, 6, 7]);
        assert!(!file.exists());
    }
}
