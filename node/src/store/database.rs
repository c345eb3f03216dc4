//! The registry on disk: redb with a small cache.
//!
//! One transaction a batch, flushed before it is acknowledged (copy on write: a power cut leaves the
//! state before or after it). Opening reads and checks everything. If the last commit is damaged, redb
//! falls back to the one before, which peers bring up to date; nothing else is repaired: a file with
//! any other wrong byte in what it holds is set aside whole.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use rand::TryRng;
use redb::Database;
use shoal_membership::{ClusterId, codec::encode};
use shoal_scheduler::{peer::Batch, registry::SignedBytes};

use super::{
    damaged,
    error::{DiskError, StoreError},
    failure::Failure,
    file::{self, Changes, Contents, State},
    quiet, record,
    replace::{beside, put_in_place, remove_if_there},
};

/// Name of the registry in the data directory.
pub const REGISTRY_FILE: &str = "registry.redb";
/// Dots left out after an unclean end. redb falls back by one commit if the last one is damaged,
/// and a dot that went out must not be used again: they need not be contiguous.
const DOTS_SKIPPED: u64 = 4_096;

/// The registry on disk, open.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    cluster: ClusterId,
    /// None after a failure: redb takes nothing more then, until it is opened again.
    database: Option<Database>,
    state: State,
    /// How the rows of a batch were before it failed, if it may have reached the disk all the same.
    undo: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

/// What was on the disk.
#[derive(Debug)]
pub struct Opened {
    /// For `Memory::author`: generation and last dot of this node's writes.
    pub author: (u64, u64),
    /// For `Memory::incarnation`.
    pub incarnation: u64,
    /// For `Memory::writes`: well formed; their signatures are not checked here.
    pub writes: Vec<SignedBytes>,
    /// Where the file was moved, if it was damaged. The store is empty then, of a new generation.
    pub was_damaged: Option<PathBuf>,
}

impl Store {
    /// Opens the registry of this cluster, or makes one with a random new generation if there is
    /// none. A damaged file is set aside as `FILE.damaged-N` (five are kept).
    ///
    /// # Errors
    /// If it is of a newer format, of another cluster or in use, or if the disk refuses: see
    /// [`StoreError`]. The file stays in its place then.
    pub fn open(path: &Path, cluster: ClusterId) -> Result<(Self, Opened), StoreError> {
        if !exists(path)? {
            create(path, cluster)?;
        }
        let (opened, was_damaged) = match file::open(path, Some(cluster)) {
            Err(Failure::Damaged(what)) => {
                let aside = set_damaged_aside(path, &what)?;
                create(path, cluster)?;
                (file::open(path, Some(cluster)), Some(aside))
            }
            opened => (opened, None),
        };
        let (database, contents) = opened.map_err(|failure| failure.at(path))?;
        Self::begin(path, cluster, database, contents, was_damaged)
    }

    /// The cluster whose registry this is. None: there is none, or it
    /// can't be read.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn cluster_of(path: &Path) -> Result<Option<ClusterId>, StoreError> {
        if !exists(path)? {
            return Ok(None);
        }
        match file::cluster_of(path) {
            Ok(cluster) => Ok(Some(cluster)),
            Err(Failure::Damaged(_)) => Ok(None),
            Err(Failure::Refused(error)) => Err(error),
        }
    }

    fn begin(
        path: &Path,
        cluster: ClusterId,
        database: Database,
        contents: Contents,
        was_damaged: Option<PathBuf>,
    ) -> Result<(Self, Opened), StoreError> {
        let mut state = contents.state;
        if state.is_open {
            state.counter = state.counter.saturating_add(DOTS_SKIPPED);
        }
        state.is_open = true;
        let mut store = Self {
            path: path.to_owned(),
            cluster,
            database: Some(database),
            state: contents.state,
            undo: BTreeMap::new(),
        };
        store.write(state, Changes::new())?;
        let opened = Opened {
            author: (state.generation, state.counter),
            incarnation: state.incarnation,
            writes: contents.writes,
            was_damaged,
        };
        Ok((store, opened))
    }

    /// Puts a batch on the disk, all or nothing, and returns when it is flushed. Writes nothing if
    /// nothing differs. After an error it may be called again; the file is opened anew then.
    ///
    /// # Errors
    /// If the disk refuses, or if the file is found damaged. Nothing of the batch counts then.
    pub fn persist(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let state = State {
            generation: batch.author.0,
            counter: batch.author.1,
            incarnation: batch.incarnation,
            is_open: true,
        };
        let mut changes = Changes::new();
        for (key, siblings) in &batch.entries {
            let row = encode(key);
            let value = (!siblings.is_empty()).then(|| record::seal_entry(&row, siblings));
            changes.insert(row, value);
        }
        self.write(state, changes)
    }

    /// Looks at the file again after [`StoreError::Damaged`]. If it is damaged, it is set aside, an
    /// empty store is in its place, and the new generation is returned: what is in memory is to be
    /// written to it. None: the file is sound after all; the same batch may be tried again.
    ///
    /// # Errors
    /// As [`Store::open`]. The store takes nothing then, but this may be called again.
    pub fn replace_damaged(&mut self) -> Result<Option<u64>, StoreError> {
        self.database = None;
        let path = self.path.clone();
        let (store, opened) = Self::open(&path, self.cluster)?;
        if opened.was_damaged.is_none() {
            self.database = store.database;
            return Ok(None);
        }
        *self = store;
        Ok(Some(opened.author.0))
    }

    /// Notes that the end was clean, and closes the file.
    ///
    /// # Errors
    /// If the disk refuses. All that was acknowledged is there all the same.
    pub fn close(mut self) -> Result<(), StoreError> {
        let state = State {
            is_open: false,
            ..self.state
        };
        self.write(state, Changes::new())?;
        match quiet::catch(|| self.database.take().map(Database::close)) {
            Ok(Some(Err(error))) => Err(Failure::of(error.into(), &self.path).at(&self.path)),
            Ok(_) => Ok(()),
            Err(what) => Err(Failure::Damaged(what).at(&self.path)),
        }
    }

    fn write(&mut self, state: State, mut changes: Changes) -> Result<(), StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => self.reopen()?,
        };
        for (row, value) in &self.undo {
            changes.entry(row.clone()).or_insert_with(|| value.clone());
        }
        let undo = &mut self.undo;
        let result = quiet::catch(move || {
            let mut before = file::differing(&database, &mut changes)?;
            for (row, value) in &mut before {
                if let Some(older) = undo.get(row) {
                    value.clone_from(older);
                }
            }
            *undo = before;
            file::commit(&database, state, &changes)?;
            Ok(database)
        });
        match result {
            Ok(Ok(database)) => {
                self.database = Some(database);
                self.state = state;
                self.undo.clear();
                Ok(())
            }
            Ok(Err(error)) => Err(Failure::of(error, &self.path).at(&self.path)),
            Err(what) => Err(Failure::Damaged(what).at(&self.path)),
        }
    }

    fn reopen(&self) -> Result<Database, StoreError> {
        let opened = file::open(&self.path, Some(self.cluster));
        let (database, _) = opened.map_err(|failure| failure.at(&self.path))?;
        Ok(database)
    }
}

fn exists(path: &Path) -> Result<bool, DiskError> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(DiskError::on("look at", path)(error)),
    }
}

fn set_damaged_aside(path: &Path, what: &str) -> Result<PathBuf, DiskError> {
    let aside = damaged::put_aside(path)?;
    tracing::warn!(
        file = %aside.display(),
        %what,
        "the registry's file was damaged and is set aside; peers refill it"
    );
    Ok(aside)
}

/// Makes an empty registry beside the path, then renames it: what is there is always whole.
fn create(path: &Path, cluster: ClusterId) -> Result<(), StoreError> {
    let generation = rand::rngs::SysRng.try_next_u64().map_err(|error| {
        let error = std::io::Error::other(error);
        DiskError::on("get random bytes from", Path::new("the operating system"))(error)
    })?;
    let new = beside(path);
    remove_if_there(&new)?;
    file::create(&new, cluster, generation).map_err(|failure| failure.at(&new))?;
    Ok(put_in_place(&new, path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As after a commit of which the operating system said that it failed, but which is there.
    #[test]
    fn a_failed_batch_that_reached_the_disk_all_the_same_is_undone_by_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(REGISTRY_FILE);
        let cluster = ClusterId::from_bytes([7; 16]);
        let (mut store, opened) = Store::open(&path, cluster).unwrap();
        let rows = |store: &Store, row: &[u8]| {
            let mut changes = Changes::from([(row.to_vec(), Some(Vec::new()))]);
            let database = store.database.as_ref().unwrap();
            file::differing(database, &mut changes).unwrap()[row].clone()
        };
        let (state, row) = (store.state, |byte: u8| vec![byte; 3]);
        let write = |store: &mut Store, changes: &[(u8, Option<u8>)]| {
            let change = |(key, value): &(u8, Option<u8>)| (row(*key), value.map(row));
            store.write(state, changes.iter().map(change).collect())
        };
        write(&mut store, &[(1, Some(1)), (2, Some(2))]).unwrap();
        write(&mut store, &[(1, Some(9)), (2, None), (3, Some(9))]).unwrap();
        store.database = None;
        store.undo = Changes::from([
            (row(1), Some(row(1))),
            (row(2), Some(row(2))),
            (row(3), None),
        ]);
        // The file holds rows that are no entries: it is opened without reading them.
        store.database = Some(file::tests::open_unread(&path));
        write(&mut store, &[(2, Some(7))]).unwrap();
        assert_eq!(rows(&store, &row(1)), Some(row(1)));
        assert_eq!(rows(&store, &row(2)), Some(row(7)));
        assert_eq!(rows(&store, &row(3)), None);
        assert!(store.undo.is_empty());
        assert_eq!(opened.was_damaged, None);
    }
}
