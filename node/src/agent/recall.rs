//! What an agent remembers of its former lives: from the store, and from the file beside it.

use std::path::Path;

use shoal_scheduler::peer::{Batch, Memory};

use super::enter::Entered;
use crate::store::{Identity, REGISTRY_FILE, Store};

/// Incarnations that a start takes for itself: renewals within them need not wait for the disk.
const INCARNATIONS_RESERVED: u64 = 1_000;

/// The store, and everything that this node remembers but its tasks.
///
/// # Errors
/// If the store can't be opened or written: see [`StoreError`](crate::store::StoreError).
pub(super) fn open_store(
    folder: &Path,
    identity: &Identity,
    entered: &Entered,
) -> Result<(Store, Memory), String> {
    let path = folder.join(REGISTRY_FILE);
    let (mut store, opened) =
        Store::open(&path, entered.cluster).map_err(|error| error.to_string())?;
    if let Some(aside) = &opened.was_damaged {
        tracing::error!(set_aside = %aside.display(), "the store was damaged: it is refilled from the other nodes");
    }
    let known = identity.cluster.as_ref();
    let members = || known.into_iter().flat_map(|known| &known.members);
    let trust = known.into_iter().flat_map(|known| known.trust.iter());
    let mut writes = opened.writes;
    writes.extend(trust.cloned());
    let memory = Memory {
        author: opened.author,
        incarnation: opened.incarnation,
        writes,
        members: members()
            .map(|member| (member.id, member.addresses.clone()))
            .collect(),
        silences: members()
            .filter(|member| !member.silence.is_zero())
            .map(|member| (member.id, member.silence))
            .collect(),
        tasks: Vec::new(),
    };
    // Incarnations are reserved before any is used.
    let batch = Batch {
        entries: Vec::new(),
        author: memory.author,
        incarnation: memory.incarnation.saturating_add(INCARNATIONS_RESERVED),
    };
    store.persist(&batch).map_err(|error| error.to_string())?;
    Ok((store, memory))
}
