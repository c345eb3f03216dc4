//! The thread that owns what is on the disk: the store, and the file of the members beside it.

use std::sync::mpsc;

use shoal_scheduler::{
    peer::{Batch, Input, Ticket},
    registry::SignedBytes,
};
use tokio::sync::mpsc::Sender;

use crate::store::{Identity, KnownMember, Store, StoreError};

enum Work {
    Persist(Ticket, Batch),
    Remember(Vec<KnownMember>, Vec<SignedBytes>),
}

/// Hands work to the thread; how a batch went comes back as an input of the peer.
#[derive(Debug)]
pub(super) struct DiskThread {
    work: Option<mpsc::Sender<Work>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl DiskThread {
    pub(super) fn start(
        mut store: Store,
        mut identity: Identity,
        inputs: Sender<Input>,
    ) -> Result<Self, String> {
        let (work, handed) = mpsc::channel();
        let run = move || {
            while let Ok(work) = handed.recv() {
                match work {
                    Work::Persist(ticket, batch) => {
                        for input in persist(&mut store, ticket, &batch) {
                            // The owner may have stopped: what is still to be done is done all the same.
                            let _ = inputs.blocking_send(input);
                        }
                    }
                    Work::Remember(members, admissions) => {
                        remember(&mut identity, members, admissions);
                    }
                }
            }
            if let Err(error) = store.close() {
                tracing::warn!(%error, "the store was not closed cleanly");
            }
        };
        let thread = Some(super::run::thread("shoal-disk", run)?);
        Ok(Self {
            work: Some(work),
            thread,
        })
    }

    /// The peer has one batch under way at a time.
    pub(super) fn persist(&self, ticket: Ticket, batch: Batch) {
        self.hand(Work::Persist(ticket, batch));
    }

    /// Writes down where the members are, and whom to trust, unless that is written already.
    pub(super) fn remember(&self, members: Vec<KnownMember>, admissions: Vec<SignedBytes>) {
        self.hand(Work::Remember(members, admissions));
    }

    fn hand(&self, work: Work) {
        if let Some(thread) = &self.work {
            // The thread ends only with the agent.
            let _ = thread.send(work);
        }
    }

    /// Waits for the work that is under way, and closes the store.
    pub(super) fn close(mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            // It does nothing but the store's work; a panic there has been reported.
            let _ = thread.join();
        }
    }
}

/// Puts a batch on the disk. A store found damaged makes room for an empty one at once: the peer
/// still has everything in its memory.
fn persist(store: &mut Store, ticket: Ticket, batch: &Batch) -> Vec<Input> {
    let written = store.persist(batch);
    let is_damaged = matches!(written, Err(StoreError::Damaged { .. }));
    let result = written.map_err(|error| error.to_string());
    let mut inputs = vec![Input::Persisted { ticket, result }];
    if is_damaged {
        match store.replace_damaged() {
            Ok(generation) => {
                inputs.extend(generation.map(|generation| Input::StoreReplaced { generation }));
            }
            Err(error) => tracing::error!(%error, "the damaged store can't be replaced"),
        }
    }
    inputs
}

fn remember(identity: &mut Identity, members: Vec<KnownMember>, admissions: Vec<SignedBytes>) {
    let Some(known) = &mut identity.cluster else {
        return;
    };
    known.members = members;
    known.trust = admissions;
    if let Err(error) = identity.save() {
        tracing::error!(%error, "the file of the members was not written");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shoal_membership::{ClusterId, SecretKey};
    use shoal_scheduler::registry::{Key, Registry};

    use super::*;

    const CLUSTER: ClusterId = ClusterId::from_bytes([7; 16]);
    /// More than redb keeps in memory: damage shows only where a page is read.
    const ENTRIES: u64 = 64;

    fn entry(registry: &mut Registry, number: u64, byte: u8) -> Batch {
        let key = Key::of("thing", number.to_string());
        let write = registry.prepare(key.clone(), Some(vec![byte; 64 * 1024]), Duration::ZERO);
        Batch {
            entries: vec![(key, vec![write])],
            author: (registry.author().generation, registry.counter()),
            incarnation: 0,
        }
    }

    #[test]
    fn a_store_that_breaks_under_the_agent_is_set_aside_and_an_empty_one_takes_the_batch() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(crate::store::REGISTRY_FILE);
        let (mut store, opened) = Store::open(&path, CLUSTER).unwrap();
        let secret = SecretKey::from_seed(&[1; 32]);
        let mut registry = Registry::new(CLUSTER, secret, opened.author.0, 0);
        for number in 0..ENTRIES {
            let batch = entry(&mut registry, number, 1);
            assert_eq!(persist(&mut store, Ticket(number), &batch).len(), 1);
        }
        let size = std::fs::metadata(&path).unwrap().len();
        std::fs::write(&path, vec![0xff; usize::try_from(size).unwrap()]).unwrap();
        let replaced = (0..ENTRIES).find_map(|number| {
            let batch = entry(&mut registry, number, 2);
            let inputs = persist(&mut store, Ticket(number), &batch);
            inputs.into_iter().find_map(|input| match input {
                Input::StoreReplaced { generation } => Some(generation),
                _ => None,
            })
        });
        let generation = replaced.expect("the damage was never found");
        assert_ne!(generation, opened.author.0);
        registry.start_generation(generation);
        let batch = entry(&mut registry, 0, 3);
        let inputs = persist(&mut store, Ticket(0), &batch);
        assert!(matches!(
            inputs.as_slice(),
            [Input::Persisted { result: Ok(()), .. }]
        ));
        assert!(folder.path().join("registry.redb.damaged-1").exists());
    }
}
