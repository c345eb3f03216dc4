//! What an agent has before it is in a cluster.

use std::sync::Arc;

use shoal_membership::ClusterId;
use shoal_net::JoinToken;

use super::{
    clock::Clock, credentials::Desk, engine::Engine, network_book::NetworkBook, tasks::Runtimes,
};
use crate::{cli::AgentArgs, runtime::files::FileRoom, store::Identity};

/// What an agent has before it is in a cluster.
pub(super) struct Start {
    pub(super) args: AgentArgs,
    pub(super) clock: Clock,
    pub(super) identity: Identity,
    pub(super) token: Option<JoinToken>,
    pub(super) runtimes: Runtimes,
    pub(super) engine: Engine,
    pub(super) desk: Arc<Desk>,
    pub(super) book: Arc<NetworkBook>,
    pub(super) room: FileRoom,
}

impl Start {
    /// The cluster of the last life.
    pub(super) fn known_cluster(&self) -> Option<ClusterId> {
        self.identity.cluster.as_ref().map(|known| known.id)
    }
}
