//! The store as the agent uses it: round trips, kills, damage, full disks.

mod damage;
mod disk_full;
mod identities;
mod kill;
mod round_trip;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use shoal_membership::{ClusterId, SecretKey};
use shoal_scheduler::{
    peer::Batch,
    registry::{Actor, FORMAT, Key, Signed, SignedBytes, Stamp, Write},
};

use super::*;

const CLUSTER: ClusterId = ClusterId::from_bytes([7; 16]);

/// A write of an entry `name`, by an author of its own, with this dot.
fn signed(name: &str, dot: u64, payload_bytes: usize) -> Arc<Signed> {
    let secret = SecretKey::from_seed(&[3; 32]);
    let author = Actor {
        node: secret.node_id(),
        generation: 5,
    };
    let write = Write {
        format: FORMAT,
        cluster: CLUSTER,
        key: Key::of("thing", name),
        author,
        clock: BTreeMap::from([(author, dot)]),
        stamp: Stamp {
            millis: dot,
            count: 0,
        },
        payload: Some(vec![dot as u8; payload_bytes]),
    };
    Arc::new(Signed::sign(write, &secret))
}

/// A batch of one write, after which the counter is the write's dot.
fn batch(author: (u64, u64), write: &Arc<Signed>) -> Batch {
    Batch {
        entries: vec![(write.write.key.clone(), vec![write.clone()])],
        author,
        incarnation: 1_000,
    }
}

/// Names and dots of writes, in order.
fn names(writes: &[SignedBytes]) -> Vec<(String, u64)> {
    let name = |write: &SignedBytes| {
        let write = write.clone().open().unwrap().write;
        (write.key.name.clone(), write.dot())
    };
    let mut names: Vec<_> = writes.iter().map(name).collect();
    names.sort();
    names
}

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn registry(&self) -> PathBuf {
        self.0.path().join(REGISTRY_FILE)
    }

    fn open(&self) -> (Store, Opened) {
        Store::open(&self.registry(), CLUSTER).unwrap()
    }
}
