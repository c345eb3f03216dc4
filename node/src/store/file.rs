//! The tables of the registry's file, and what redb says of it.
//!
//! ```text
//! meta     "format" | "cluster" | "state"  -> checksum, content
//! entries  an encoded key                  -> checksum, its writes
//! ```
//!
//! The row "format" is read first and its form never changes; all else may change with the format.

use std::{collections::BTreeMap, path::Path};

use redb::{
    Builder, Database, ReadTransaction, ReadableDatabase, ReadableTable, StorageError,
    TableDefinition, TableError,
};
use shoal_membership::{
    ClusterId,
    codec::{decode, encode},
};
use shoal_scheduler::registry::SignedBytes;

use super::{
    error::StoreError,
    failure::Failure,
    quiet,
    record::{BadRecord, seal, unseal, unseal_entry},
};

/// Version of everything in this file. A newer one is refused.
pub(super) const FORMAT: u32 = 1;
/// Memory that redb may use for pages. Its default is 1 GiB.
const CACHE_BYTES: usize = 1024 * 1024;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");
const FORMAT_ROW: &str = "format";
const CLUSTER_ROW: &str = "cluster";
const STATE_ROW: &str = "state";

/// Rows to be: none where a row is to go.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What is kept beside the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub(super) struct State {
    pub(super) generation: u64,
    pub(super) counter: u64,
    pub(super) incarnation: u64,
    /// Whether an agent has it open, or ended without closing it.
    pub(super) is_open: bool,
}

/// Everything in the file.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) cluster: ClusterId,
    pub(super) state: State,
    pub(super) writes: Vec<SignedBytes>,
}

/// Makes a file with no entries.
pub(super) fn create(path: &Path, cluster: ClusterId, generation: u64) -> Result<(), Failure> {
    let state = State {
        generation,
        counter: 0,
        incarnation: 0,
        is_open: false,
    };
    let make = || -> Result<(), redb::Error> {
        let database = builder().create(path)?;
        let transaction = database.begin_write()?;
        {
            let mut meta = transaction.open_table(META)?;
            let format = FORMAT.to_le_bytes();
            for (row, content) in [
                (FORMAT_ROW, &format[..]),
                (CLUSTER_ROW, cluster.as_bytes()),
                (STATE_ROW, &encode(&state)),
            ] {
                meta.insert(row, &seal(row.as_bytes(), content)[..])?;
            }
            transaction.open_table(ENTRIES)?;
        }
        transaction.commit()?;
        Ok(database.close()?)
    };
    make().map_err(|error| Failure::of(error, path))
}

/// Opens a file and reads and checks all that is in it. A file of a newer format or of another
/// cluster is left as it is.
pub(super) fn open(
    path: &Path,
    cluster: Option<ClusterId>,
) -> Result<(Database, Contents), Failure> {
    let opened = quiet::catch(|| {
        peek(path, cluster)?;
        let database = builder()
            .open(path)
            .map_err(|e| Failure::of(e.into(), path))?;
        let contents = read(&database, path, cluster)?;
        Ok((database, contents))
    });
    opened.unwrap_or_else(|panic| Err(Failure::Damaged(panic)))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true);
    builder
}

/// The cluster of a file. One that was closed cleanly is not changed by a byte.
pub(super) fn cluster_of(path: &Path) -> Result<ClusterId, Failure> {
    let peeked = quiet::catch(|| peek(path, None));
    match peeked.unwrap_or_else(|panic| Err(Failure::Damaged(panic)))? {
        Some(cluster) => Ok(cluster),
        None => Ok(open(path, None)?.1.cluster),
    }
}

/// Looks at a file that was closed cleanly without changing a byte of it. None: it was not, and is
/// for [`open`] to judge.
fn peek(path: &Path, cluster: Option<ClusterId>) -> Result<Option<ClusterId>, Failure> {
    let opened = match builder().open_read_only(path) {
        Ok(database) => database,
        Err(redb::DatabaseError::RepairAborted) => return Ok(None),
        Err(error) => return Err(Failure::of(error.into(), path)),
    };
    let transaction = begin(&opened, path)?;
    let (cluster, _) = read_meta(&transaction, path, cluster)?;
    Ok(Some(cluster))
}

fn begin(database: &impl ReadableDatabase, path: &Path) -> Result<ReadTransaction, Failure> {
    database
        .begin_read()
        .map_err(|error| Failure::of(error.into(), path))
}

fn read(database: &Database, path: &Path, cluster: Option<ClusterId>) -> Result<Contents, Failure> {
    let transaction = begin(database, path)?;
    let (cluster, state) = read_meta(&transaction, path, cluster)?;
    let from_table = |error: TableError| Failure::of(error.into(), path);
    let from_storage = |error: StorageError| Failure::of(error.into(), path);
    let entries = transaction.open_table(ENTRIES).map_err(from_table)?;
    let mut writes = Vec::new();
    for row in entries.iter().map_err(from_storage)? {
        let (key, value) = row.map_err(from_storage)?;
        writes.extend(unseal_entry(key.value(), value.value())?);
    }
    Ok(Contents {
        cluster,
        state,
        writes,
    })
}

fn read_meta(
    transaction: &ReadTransaction,
    path: &Path,
    expected: Option<ClusterId>,
) -> Result<(ClusterId, State), Failure> {
    let found = u32::from_le_bytes(meta_row(transaction, path, FORMAT_ROW)?);
    if found > FORMAT {
        return Err(Failure::Refused(StoreError::NewerFormat {
            path: path.to_owned(),
            found,
            known: FORMAT,
        }));
    }
    let found = ClusterId::from_bytes(meta_row(transaction, path, CLUSTER_ROW)?);
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(Failure::Refused(StoreError::OtherCluster {
            path: path.to_owned(),
            found,
            expected,
        }));
    }
    let state = meta_content(transaction, path, STATE_ROW)?;
    let state = decode(&state).map_err(BadRecord::from)?;
    Ok((found, state))
}

fn meta_row<const N: usize>(
    transaction: &ReadTransaction,
    path: &Path,
    row: &'static str,
) -> Result<[u8; N], Failure> {
    let content = meta_content(transaction, path, row)?;
    content.try_into().map_err(|_| BadRecord::Length.into())
}

fn meta_content(
    transaction: &ReadTransaction,
    path: &Path,
    row: &'static str,
) -> Result<Vec<u8>, Failure> {
    let sealed = || -> Result<Option<Vec<u8>>, redb::Error> {
        let meta = transaction.open_table(META)?;
        Ok(meta.get(row)?.map(|value| value.value().to_vec()))
    };
    let sealed = sealed().map_err(|error| Failure::of(error, path))?;
    let sealed = sealed.ok_or(BadRecord::Missing(row))?;
    Ok(unseal(row.as_bytes(), &sealed)?.to_vec())
}

/// Drops the changes that change nothing. Returns how the rows of the others are now.
pub(super) fn differing(
    database: &Database,
    changes: &mut Changes,
) -> Result<Changes, redb::Error> {
    let mut before = Changes::new();
    if changes.is_empty() {
        return Ok(before);
    }
    let entries = database.begin_read()?.open_table(ENTRIES)?;
    for (row, value) in std::mem::take(changes) {
        let current = entries
            .get(&row[..])?
            .map(|current| current.value().to_vec());
        if current != value {
            before.insert(row.clone(), current);
            changes.insert(row, value);
        }
    }
    Ok(before)
}

/// Writes changes and state in one transaction and flushes it. Writes nothing if there is nothing.
pub(super) fn commit(
    database: &Database,
    state: State,
    changes: &Changes,
) -> Result<(), redb::Error> {
    let state = seal(STATE_ROW.as_bytes(), &encode(&state));
    let meta = database.begin_read()?.open_table(META)?;
    let is_known = meta
        .get(STATE_ROW)?
        .is_some_and(|current| current.value() == state);
    if is_known && changes.is_empty() {
        return Ok(());
    }
    drop(meta);
    let mut transaction = database.begin_write()?;
    transaction.set_durability(redb::Durability::Immediate)?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(STATE_ROW, &state[..])?;
        let mut entries = transaction.open_table(ENTRIES)?;
        for (row, value) in changes {
            match value {
                Some(value) => entries.insert(&row[..], &value[..])?,
                None => entries.remove(&row[..])?,
            };
        }
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Makes a file say that it is of another format.
    pub(in crate::store) fn set_format(path: &Path, format: u32) {
        let database = open_unread(path);
        let transaction = database.begin_write().unwrap();
        let value = seal(FORMAT_ROW.as_bytes(), &format.to_le_bytes());
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert(FORMAT_ROW, &value[..]).unwrap();
        drop(meta);
        transaction.commit().unwrap();
    }

    /// Opens a file without reading what is in it.
    pub(in crate::store) fn open_unread(path: &Path) -> Database {
        builder().open(path).unwrap()
    }
}
