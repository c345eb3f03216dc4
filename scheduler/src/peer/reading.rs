//! What a driver and its readers may ask of a peer. Nothing here changes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use shoal_membership::{Membership, NodeId, PublicKey};

use super::{Peer, files::File};
use crate::{
    job::Job,
    observed::Observed,
    payload::TokenRecord,
    placement::{self, Plan},
    registry::{Key, Registry, SignedBytes, kind},
    spec::{Availability, FileKind},
    task::{FileId, ServiceId, Slot},
    update::Stage,
};

impl Peer {
    /// Where others reach this node.
    #[must_use]
    pub fn addresses(&self) -> shoal_membership::Addresses {
        self.addresses_of(&self.me())
    }

    /// The registry, for reading.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What all nodes say of themselves, for reading.
    #[must_use]
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Who is here, for reading.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Members that were neither removed nor evicted.
    pub fn roster(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.catalog.roster().keys().copied()
    }

    /// Whether this node takes that one for alive.
    #[must_use]
    pub fn sees_alive(&self, node: &NodeId) -> bool {
        self.presence.is_alive(node)
    }

    /// Whether this node was told to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// How long a driver waits for the answer to a question.
    #[must_use]
    pub fn question_timeout(&self) -> Duration {
        self.config.timing.question_timeout
    }

    /// The slots that a service has by the present plan.
    #[must_use]
    pub fn slots_of(&self, service: ServiceId) -> Vec<Slot> {
        let slots = self.placing.slots.keys();
        slots
            .filter(|slot| slot.0 == service)
            .map(|slot| slot.1)
            .collect()
    }

    /// Which template a service has now (`ServiceSpec::template_hash`): a task of another one is
    /// replaced. None: there is no such service.
    #[must_use]
    pub fn template_of(&self, service: ServiceId) -> Option<u64> {
        let service = self.catalog.services().get(&service);
        service.map(|service| service.template)
    }

    /// Whether a slot of a service is to be filled: not one beyond its number, nor that of a node which is to start
    /// nothing.
    #[must_use]
    pub fn wants(&self, service: ServiceId, slot: Slot) -> bool {
        let Some(service) = self.catalog.services().get(&service) else {
            return false;
        };
        match slot {
            Slot::Number(number) => number <= service.spec.mode.slots(),
            Slot::Node(node) => {
                let node = self.catalog.roster().get(&node);
                node.is_some_and(|node| node.spec.availability == Availability::Active)
            }
        }
    }

    /// How many slots of a service an update may stop at a time; 0: all. None: there is no such service.
    #[must_use]
    pub fn parallelism_of(&self, service: ServiceId) -> Option<u64> {
        let service = self.catalog.services().get(&service)?;
        Some(service.update_config().parallelism)
    }

    /// Where the last update of each service is, if it had one.
    pub fn update_stages(&self) -> impl Iterator<Item = (ServiceId, Stage)> + '_ {
        let services = self.catalog.services().iter();
        services.filter_map(|(id, service)| Some((*id, service.status.as_ref()?.stage)))
    }

    /// How far each job is.
    pub fn jobs(&self) -> impl Iterator<Item = (ServiceId, &Job)> + '_ {
        let services = self.catalog.services().iter();
        services.filter_map(|(id, service)| Some((*id, service.job.as_ref()?)))
    }

    /// Services with a secret that none of these nodes can open, or that was removed on another side of a partition.
    pub fn without_a_key<'a>(
        &'a self,
        is_among: &'a dyn Fn(&NodeId) -> bool,
    ) -> impl Iterator<Item = ServiceId> + 'a {
        let secrets = self.catalog.files().of(FileKind::Secret);
        let is_lost = |file: &&File| !self.sealed_keys(file.record.id).keys().any(is_among);
        let lost: Vec<&File> = secrets.filter(is_lost).collect();
        let services = self.catalog.services().iter();
        let services = services.filter(move |(_, service)| {
            let is_lost = lost.iter().any(|file| self.uses(&service.spec, file));
            is_lost || self.check_files(&service.spec).is_err()
        });
        services.map(|(id, _)| *id)
    }

    /// Who can open each secret, and who should.
    #[must_use]
    pub fn readers(&self) -> BTreeMap<FileId, [BTreeSet<NodeId>; 2]> {
        let secrets = self.catalog.files().of(FileKind::Secret);
        let readers = secrets.map(|file| {
            let held = self.sealed_keys(file.record.id).into_keys().collect();
            (file.record.id, [held, self.may_open(file)])
        });
        readers.collect()
    }

    /// Everything that says whom to trust: to be kept beside the store, in case that is damaged.
    #[must_use]
    pub fn admissions(&self) -> Vec<SignedBytes> {
        self.registry
            .entries()
            .filter(|(key, _)| matches!(key.kind.as_str(), kind::MEMBER | kind::REVOCATION))
            .flat_map(|(_, entry)| entry.siblings())
            .map(|signed| signed.to_bytes())
            .collect()
    }

    /// This node's tasks, for reading.
    pub fn local_tasks(&self) -> impl Iterator<Item = &crate::reconcile::LocalTask> {
        self.running.local.all()
    }

    /// The public half of a token's key, to check a proof with.
    #[must_use]
    pub fn token_key(&self, id: &str) -> Option<PublicKey> {
        let key = Key::of(kind::TOKEN, id);
        self.registry
            .read_as::<TokenRecord>(&key)
            .map(|(record, _)| record.key)
    }

    /// What the present plan was made of, and the plan: to explain it elsewhere, since that costs
    /// as much as a few plans.
    #[must_use]
    pub fn placement(&self) -> (placement::Input, Arc<Plan>) {
        (self.placing.input.clone(), self.placing.plan.clone())
    }

    /// When to call with [`Input::Tick`](super::Input::Tick) if nothing else happens (monotonic).
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.deadlines().into_iter().filter_map(|(_, at)| at).min()
    }

    /// What each part waits for, by name: for traces of what a peer was about to do.
    #[must_use]
    pub fn deadlines(&self) -> [(&'static str, Option<Duration>); 15] {
        [
            ("membership", self.membership.next_deadline()),
            ("presence", self.presence_due),
            (
                "announce",
                self.presence
                    .next_announce(|node| self.is_worth_greeting(node)),
            ),
            ("apart", self.apart_deadline()),
            ("placing", self.placing_deadline()),
            ("running", self.running_deadline()),
            ("sealing", self.sealing.deadline()),
            ("publishing", self.publisher.deadline()),
            ("sync", self.sync.deadline()),
            ("calls", self.calls_deadline()),
            ("write concern", self.concern_deadline()),
            ("disk", self.disk.deadline()),
            ("stopping", self.stopping_deadline()),
            ("purging", Some(self.purging.deadline())),
            ("evicting", Some(self.evicting.deadline())),
        ]
    }
}
