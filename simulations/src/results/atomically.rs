//! A file that is there as a whole or not at all: written under another name, then renamed.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::ResultsError;

/// The next content of a file. Dropped before [`commit`](Self::commit), it leaves the old one.
#[derive(Debug)]
pub struct Replacement {
    path: PathBuf,
    temporary: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Replacement {
    /// Begins it, in the same folder.
    ///
    /// # Errors
    ///
    /// When the folder is missing or can't be written.
    pub fn create(path: &Path) -> Result<Self, ResultsError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.tmp"));
        let file = File::create(&temporary).map_err(ResultsError::io("write", path))?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
            file: Some(BufWriter::new(file)),
        })
    }

    /// Writes all of a text at once.
    ///
    /// # Errors
    ///
    /// As of [`create`](Self::create), and when the disk is full; the old content stays.
    pub fn of_text(path: &Path, text: &str) -> Result<(), ResultsError> {
        let mut next = Self::create(path)?;
        next.write_all(text.as_bytes())
            .map_err(ResultsError::io("write", path))?;
        next.commit()
    }

    /// Puts it in the old one's place, once it is on the disk.
    ///
    /// # Errors
    ///
    /// When the disk is full; the old content stays.
    pub fn commit(mut self) -> Result<(), ResultsError> {
        let error = || ResultsError::io("write", &self.path);
        let Some(buffer) = self.file.take() else {
            return Ok(());
        };
        let file = buffer
            .into_inner()
            .map_err(|failed| error()(failed.into_error()))?;
        file.sync_all().map_err(error())?;
        fs::rename(&self.temporary, &self.path).map_err(error())
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // After a commit there is none, and nobody to tell of a failure otherwise.
        let _ = fs::remove_file(&self.temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_committed_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        Replacement::of_text(&path, "old").unwrap();
        let mut next = Replacement::create(&path).unwrap();
        next.write_all(b"new").unwrap();
        drop(next);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        Replacement::of_text(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
