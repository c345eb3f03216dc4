//! `runs.jsonl`, written to: a line a run, kept as soon as it has finished.
//!
//! A line is written whole or cut off again; one that a kill tore is noticed at the next start,
//! because its end is missing, and that run is done again.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use super::{Kept, KeptRun, Point, RUNS, ResultsError, kept::LINE_BYTES_MAX};

/// The open file. While it is open no other sweep can write there.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    len: u64,
    /// Whether the end of the file is no end of a line: then nothing more may be written.
    is_torn: bool,
}

impl Journal {
    /// Opens a folder's, or begins it, and gives what it holds. A torn last line is cut off.
    ///
    /// # Errors
    ///
    /// When it can't be written, another sweep writes to it, or it is damaged.
    pub fn open(folder: &Path, points: &[Point]) -> Result<(Self, Kept), ResultsError> {
        let path = folder.join(RUNS);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(ResultsError::io("write", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ResultsError::InUse(path)),
            Err(TryLockError::Error(source)) => {
                return Err(ResultsError::io("lock", &path)(source));
            }
        }
        let kept = Kept::read(folder, points)?;
        let len = kept.whole_bytes();
        if kept.torn_bytes() > 0 {
            file.set_len(len).map_err(ResultsError::io("mend", &path))?;
        }
        let journal = Self {
            path,
            file,
            len,
            is_torn: false,
        };
        Ok((journal, kept))
    }

    /// Keeps a run. When this returns, the system has it: a kill of this process no longer matters.
    ///
    /// # Errors
    ///
    /// When two of its columns have one name, or the disk is full: then what was written of the
    /// line is taken back, or else no more is accepted.
    pub fn append(&mut self, run: &KeptRun) -> Result<(), ResultsError> {
        run.check_names()?;
        let mut line = serde_json::to_vec(run)
            .map_err(|error| ResultsError::io("write", &self.path)(error.into()))?;
        line.push(b'\n');
        if line.len() as u64 >= LINE_BYTES_MAX {
            let long = std::io::Error::other("a run of too many samples: lower their limit");
            return Err(ResultsError::io("write", &self.path)(long));
        }
        if self.is_torn {
            let torn = std::io::Error::other("an earlier line is incomplete");
            return Err(ResultsError::io("write", &self.path)(torn));
        }
        if let Err(error) = self.file.write_all(&line) {
            self.is_torn = self.file.set_len(self.len).is_err();
            return Err(ResultsError::io("write", &self.path)(error));
        }
        self.len += line.len() as u64;
        Ok(())
    }

    /// Puts everything on the disk, so that a loss of power does not matter either.
    ///
    /// # Errors
    ///
    /// When the disk says no.
    pub fn sync(&mut self) -> Result<(), ResultsError> {
        self.file
            .sync_all()
            .map_err(ResultsError::io("write", &self.path))
    }

    /// What it holds now.
    ///
    /// # Errors
    ///
    /// As of [`open`](Self::open).
    pub fn read_again(&self, points: &[Point]) -> Result<Kept, ResultsError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        Kept::read(folder, points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::RunRecord;

    fn run(seed: u64) -> KeptRun {
        KeptRun::new(Point::default(), seed, 0.5, Ok(RunRecord::default()), 10)
    }

    #[test]
    fn what_is_appended_is_read_again_by_seed() {
        let folder = tempfile::tempdir().unwrap();
        let points = [Point::default()];
        let (mut journal, there) = Journal::open(folder.path(), &points).unwrap();
        assert!(there.runs().is_empty());
        for seed in [5, 2, u64::MAX - 1] {
            journal.append(&run(seed)).unwrap();
        }
        let kept = journal.read_again(&points).unwrap();
        let seeds: Vec<u64> = kept.runs().iter().map(|run| run.seed).collect();
        assert_eq!(seeds, [2, 5, u64::MAX - 1]);
    }

    /// Linux has a file on which every write finds the disk full.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_said_and_nothing_is_written_behind_a_torn_line() {
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().append(true).open(&path).unwrap();
        let mut journal = Journal {
            path,
            file,
            len: 0,
            is_torn: false,
        };
        let error = journal.append(&run(1)).unwrap_err().to_string();
        assert!(error.contains("No space left"), "{error}");
        // A device has no length to go back to, so the line counts as torn.
        let error = journal.append(&run(2)).unwrap_err().to_string();
        assert!(error.contains("an earlier line is incomplete"), "{error}");
    }
}
