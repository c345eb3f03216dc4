//! The thread that owns what is on the disk: the store, and the file of the members beside it.

use std::sync::mpsc;

use shoal_membership::{Addresses, NodeId};
use shoal_scheduler::{
    peer::{Batch, Input, Ticket},
    registry::SignedBytes,
};
use tokio::sync::mpsc::Sender;

use crate::store::{Identity, KnownMember, Store};

enum Work {
    Persist(Ticket, Batch),
    Remember(Vec<(NodeId, Addresses)>, Vec<SignedBytes>),
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
                        let result = store.persist(&batch).map_err(|error| error.to_string());
                        // The owner may have stopped: what is still to be done is done all the same.
                        let _ = inputs.blocking_send(Input::Persisted { ticket, result });
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
    pub(super) fn remember(&self, members: Vec<(NodeId, Addresses)>, admissions: Vec<SignedBytes>) {
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

fn remember(
    identity: &mut Identity,
    members: Vec<(NodeId, Addresses)>,
    admissions: Vec<SignedBytes>,
) {
    let Some(known) = &mut identity.cluster else {
        return;
    };
    known.members = members
        .into_iter()
        .map(|(id, addresses)| KnownMember {
            id,
            key: None,
            addresses,
        })
        .collect();
    known.trust = admissions;
    if let Err(error) = identity.save() {
        tracing::error!(%error, "the file of the members was not written");
    }
}
