//! What one node knows of the whole cluster, as a start for others: how a simulator makes a large
//! cluster that has been running for long. To boot N nodes on N disks takes N² entries read and
//! verified, and as many greetings; from an image all share what one has read.
//!
//! Not for a real node: an image is trusted as a process trusts its own memory.

use std::{sync::Arc, time::Duration};

use imbl::OrdMap;
use rand::RngExt;
use shoal_membership::{NodeId, Now};

use super::{
    Config, Memory, Peer, catalog::Catalog, living::Living, placing::Placing, presence::Presence,
    publishing::Publisher, reports::Reports,
};
use crate::{
    observed::Observed,
    placement::{self, Plan},
    registry::Registry,
};

/// What a node knew at a moment. Cheap to start many nodes from.
#[derive(Clone, Debug)]
pub struct Image {
    pub(super) members: shoal_membership::Image,
    registry: Registry,
    observed: Observed,
    catalog: Catalog,
    presence: Presence,
    living: Living,
    reports: OrdMap<NodeId, Reports>,
    input: placement::Input,
    plan: Arc<Plan>,
}

impl Peer {
    /// What this node knows now.
    #[must_use]
    pub fn image(&self) -> Image {
        let mut presence = self.presence.clone();
        let me = self.membership.me();
        presence.locate(me.id, me.addresses.clone());
        presence.up(me.id, me.incarnation, self.now.monotonic);
        Image {
            members: self.membership.image(),
            registry: self.registry.clone(),
            observed: self.observed.clone(),
            catalog: self.catalog.clone(),
            presence,
            living: self.living.clone().with(me.id),
            reports: self.reports.clone(),
            input: self.placing.input.clone(),
            plan: self.placing.plan.clone(),
        }
    }

    /// A node in the midst of its life, that knows what is on the image, itself included, and whose
    /// image the others have. Of `memory` only the author and the incarnation count. What it does
    /// from time to time it does for the first time at a random moment of its interval.
    #[must_use]
    pub fn awake(config: Config, memory: &Memory, image: &Image, now: Now) -> Self {
        let mut peer = Self::blank(config, memory, Some(image), now);
        let me = peer.me();
        let (generation, counter) = memory.author;
        let secret = peer.config.secret.clone();
        peer.registry = image
            .registry
            .clone()
            .of_another(secret, generation, counter);
        peer.observed = image.observed.clone();
        peer.catalog = image.catalog.clone();
        peer.presence = image.presence.clone().without(&me, now.monotonic);
        peer.living = image.living.clone().without(&me);
        peer.reports = image.reports.clone();
        peer.reports.remove(&me);
        peer.placing = Placing::with(image.input.clone(), image.plan.clone());
        let incarnation = peer.membership.me().incarnation;
        if let Some(sequence) = peer.observed.last_sequence(&me, incarnation) {
            peer.publisher = Publisher::after(sequence);
        }
        peer.boot_ends = now.monotonic;
        let interval = peer.config.timing.member_sync_interval;
        let jitter = peer.rng.random_range(0..1_000);
        peer.sync.awake(interval, jitter, now.monotonic);
        let mut soon =
            |limit: Duration| now.monotonic + limit * peer.rng.random_range(0..1_000) / 1_000;
        peer.purging.begin_at(soon(super::purging::INTERVAL));
        peer.evicting.begin_at(soon(super::evicting::INTERVAL));
        peer.settle();
        peer
    }
}
