//! Members that don't know one another yet: what one shows, and what the other makes of it.

use shoal_membership::{NodeId, codec};
use shoal_net::{JoinRefusal, VouchRequest};
use shoal_scheduler::{peer::Input, registry::SignedBytes};

use super::Owner;

impl Owner {
    /// Shows a member how this node was admitted.
    pub(super) fn vouch(&self, to: NodeId, writes: &Vec<SignedBytes>) {
        let (endpoint, admissions) = (self.endpoint.clone(), codec::encode(writes));
        tokio::spawn(async move {
            match endpoint.vouch(to, admissions).await {
                Ok(()) => tracing::info!(%to, "a member that did not know this node does now"),
                Err(error) => {
                    tracing::warn!(%to, %error, "a member does not know this node, and it stays so");
                }
            }
        });
    }

    /// Takes in what a stranger shows.
    pub(super) fn vouched(&mut self, request: VouchRequest) {
        let Ok(writes) = codec::decode::<Vec<SignedBytes>>(&request.admissions) else {
            tracing::warn!(from = %request.from, "a stranger shows something that is no admission");
            return request.reply.refuse(JoinRefusal::NotAdmitted);
        };
        let key = request.key;
        self.input(Input::Vouched { key, writes });
        let trust = self.peer.registry().trust();
        let node = key.node_id();
        if trust.is_revoked(&node) {
            request.reply.refuse(JoinRefusal::RevokedKey);
        } else if trust.key_of(&node).is_some() {
            request.reply.accept(Vec::new());
        } else {
            request.reply.refuse(JoinRefusal::NotAdmitted);
        }
    }
}
