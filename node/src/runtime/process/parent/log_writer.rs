//! The log of one task: pieces of limited size, of which the last two are kept.
//!
//! A piece is complete as soon as the next one exists, which is all that a reader must know.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::runtime::process::log_pieces;

/// Size at which a piece is complete, in bytes.
const PIECE_SIZE: u64 = 5 << 20;

pub(super) struct LogWriter {
    folder: PathBuf,
    number: u64,
    file: File,
    size: u64,
}

impl LogWriter {
    /// Begins the log of a task.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            number: 0,
            file: new_piece(folder, 0)?,
            size: 0,
        })
    }

    /// Appends whole records. What the disk does not take is dropped.
    pub(super) fn append(&mut self, records: &[u8]) {
        if records.is_empty() {
            return;
        }
        if self.size >= PIECE_SIZE && self.next_piece().is_err() {
            return;
        }
        match self.file.write_all(records) {
            Ok(()) => self.size += records.len() as u64,
            // Half a record would spoil the next one. If that fails as well, readers skip it.
            Err(_) => drop(self.file.set_len(self.size)),
        }
    }

    fn next_piece(&mut self) -> io::Result<()> {
        let file = new_piece(&self.folder, self.number + 1)?;
        if let Some(old) = self.number.checked_sub(log_pieces::KEPT - 1) {
            // One that stays is only a waste of space.
            let _ = fs::remove_file(log_pieces::path(&self.folder, old));
        }
        self.number += 1;
        self.file = file;
        self.size = 0;
        Ok(())
    }
}

fn new_piece(folder: &Path, number: u64) -> io::Result<File> {
    let mut options = File::options();
    // Appending, so that a cut takes the next write back to the end.
    options.append(true).create(true);
    options.open(log_pieces::path(folder, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_pieces_are_kept_and_their_size_is_limited() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogWriter::create(folder.path()).unwrap();
        let records = vec![b'\n'; 64 << 10];
        for _ in 0..(4 * PIECE_SIZE / records.len() as u64) {
            log.append(&records);
        }
        assert_eq!(log_pieces::list(folder.path()).unwrap(), [2, 3]);
        let size = fs::metadata(log_pieces::path(folder.path(), 2))
            .unwrap()
            .len();
        assert!((PIECE_SIZE..PIECE_SIZE + records.len() as u64).contains(&size));
    }
}
