//! Effects, carried out.

use std::sync::Arc;

use bytes::Bytes;
use shoal_membership::{ClusterId, NodeId, PublicKey};
use shoal_net::TrustSet;
use shoal_scheduler::{
    file::SealedKeys,
    peer::{Effect, Input, Ticket},
    task::{FileId, ServiceId},
    view::ClusterView,
};

use super::{
    super::{door, ended::Ended, tasks},
    Owner,
};

impl Owner {
    pub(super) fn carry_out(&mut self) {
        while let Some(effect) = self.peer.poll() {
            self.effect(effect);
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Datagram { to, bytes } => self.endpoint.send_datagram(to, Bytes::from(bytes)),
            Effect::Rumour { to, bytes } => self.endpoint.send_rumour(to, Bytes::from(bytes)),
            Effect::Question { to, call, bytes } => self.ask(to, call, bytes),
            Effect::Answer { ticket, bytes } => {
                if let Some(reply) = self.waiting.replies.remove(&ticket) {
                    reply.send(Bytes::from(bytes));
                }
            }
            Effect::Persist { ticket, batch } => self.disk.persist(ticket, batch),
            Effect::Plan { ticket, input } => self.planner.ask(ticket, input),
            Effect::Start(start) => {
                let report = &start.report;
                tracing::info!(task = %report.id, service = %report.service_name, slot = %report.slot, "starting a task");
                let neighbours = match start.spec.container().is_process() {
                    true => {
                        let view = self.view_with(report.service);
                        self.balancer.neighbours(&view, report.service)
                    }
                    false => Vec::new(),
                };
                let mut start = *start;
                let files = std::mem::take(&mut start.files);
                let mut launch = tasks::launch(start, self.peer.me(), &self.hostname, neighbours);
                launch.files = self.files.place(&launch, files);
                self.runtimes.start(launch);
            }
            Effect::Stop(task) => self.runtimes.stop(task),
            Effect::Remove(task) => {
                self.files.room.clear(task);
                self.runtimes.remove(task);
            }
            Effect::Seal { secret, own, to } => self.seal(secret, own, to),
            Effect::Trust { admitted, revoked } => self.trust(admitted, revoked),
            Effect::Vouch { to, writes } => self.vouch(to, &writes),
            Effect::Addresses { node, addresses } => {
                self.endpoint
                    .set_addresses(node, addresses.as_slice().to_vec());
                self.members.addresses.insert(node, addresses);
                self.members.is_changed = true;
            }
            Effect::Silences(silences) => {
                self.members.silences = silences;
                self.members.is_changed = true;
            }
            // Where it matters the view says so, and the log has it.
            Effect::Presence { .. } => {}
            Effect::Redial(node) => self.endpoint.redial(node),
            Effect::Suspected(node) => self.balancer.suspect(node),
            Effect::Ordered { ticket, result } => self.ordered(ticket, result),
            Effect::Joined { ticket, result } => {
                if let Some(reply) = self.waiting.joins.remove(&ticket) {
                    match result {
                        Ok(welcome) => reply.accept(door::snapshot(&welcome)),
                        Err(denied) => reply.refuse(door::refusal(denied)),
                    }
                }
            }
            Effect::Removed => self.removed(),
            Effect::Stopped => {
                self.ended = Some(self.ending.take().unwrap_or(Ended::Stopped));
            }
        }
    }

    /// Beside the owner: for a thousand nodes it takes a while.
    fn seal(&self, secret: FileId, own: Vec<u8>, to: Vec<(NodeId, PublicKey)>) {
        let (files, inputs) = (self.files.clone(), self.inputs.clone());
        tokio::task::spawn_blocking(move || {
            let keys = files.vault.seal_more(secret, &own, &to);
            let keys = keys.unwrap_or_else(|| {
                tracing::error!(%secret, "a secret that was sealed to this node does not open");
                SealedKeys::new()
            });
            // The agent is stopping: another node does it.
            let _ = inputs.blocking_send(Input::Sealed { secret, keys });
        });
    }

    /// What was told last, if it knows this service, else what is known now: that costs more.
    fn view_with(&mut self, service: ServiceId) -> Arc<ClusterView> {
        let told = self.view.borrow().clone();
        match told.services.contains_key(&service) {
            true => told,
            false => self.peer.view(),
        }
    }

    fn trust(
        &mut self,
        admitted: Vec<(NodeId, PublicKey)>,
        revoked: std::collections::BTreeSet<NodeId>,
    ) {
        let cluster: ClusterId = self.peer.registry().cluster();
        self.members.revoked.clone_from(&revoked);
        self.members.is_changed = true;
        let trust = TrustSet {
            cluster,
            admitted: admitted.into_iter().collect(),
            revoked,
        };
        if let Err(error) = self.endpoint.set_trust(trust) {
            tracing::error!(%error, "the transport did not take the members' keys");
        }
    }

    fn ordered(
        &mut self,
        ticket: Ticket,
        result: Result<shoal_scheduler::order::Receipt, shoal_scheduler::order::OrderError>,
    ) {
        let Some((reply, token)) = self.waiting.orders.remove(&ticket) else {
            return;
        };
        let result = result.map(|mut receipt| {
            if let Some(token) = token {
                receipt.id = token;
            }
            receipt
        });
        self.waiting.done.push((reply, result));
    }
}
