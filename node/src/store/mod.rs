//! What an agent keeps in its data directory: its key, whom it knows, and the registry.
//!
//! Tasks are kept by their runtimes, not here. All of it is blocking code for a thread of its own,
//! and nothing here writes while nothing changes: SD cards wear out. What is damaged is noticed and
//! set aside, never served; peers refill it. The key, the cluster and the members are kept apart
//! from the registry for that reason, as etcd keeps its members apart from its snapshots.
//!
//! ```text
//! DATA-DIR/lock                    held by the one agent of this directory
//! DATA-DIR/node.key                the seed of the node's key, in hexadecimal, for its owner only
//! DATA-DIR/cluster.json            cluster, members, admissions and revocations
//! DATA-DIR/registry.redb           all signed writes, and the author's counters
//! DATA-DIR/standing-token          the join token that it shows until that is rotated, for its owner only
//! DATA-DIR/inactive                it left its cluster, and is in no other
//! DATA-DIR/*.damaged-N             what was found damaged
//! DATA-DIR/set-aside-N/            what belonged to a cluster that this node left
//! ```

mod cluster_file;
mod damaged;
mod database;
mod error;
mod failure;
mod file;
mod identity;
mod inactive;
mod key_file;
mod lock;
mod quiet;
mod record;
mod replace;
mod set_aside;

pub use cluster_file::{ClusterFileError, KnownCluster, KnownMember};
pub use database::{Opened, REGISTRY_FILE, Store};
pub use error::{DiskError, StoreError};
pub use identity::{Identity, IdentityError};
pub use inactive::{is_inactive, set_active, set_inactive};
pub use key_file::KeyFileError;
pub use lock::{DirectoryLock, LockError};
pub use set_aside::{STANDING_TOKEN_FILE, set_aside};

#[cfg(test)]
mod tests;
