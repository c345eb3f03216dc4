//! Placement's input, and what became of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use shoal_membership::{
    NodeId,
    bugs::{self, Bug},
    codec,
};

use super::{Effect, Peer, Ticket};
use crate::{
    job::Job,
    observed::{Phase, Refusal, Status, Topic},
    placement::{self, Plan},
    reconcile::SlotKey,
    spec::Availability,
    task::{ServiceId, Slot},
    view::NodeStatus,
};

/// The current plan, and the one that is being made.
#[derive(Debug, Default)]
pub(super) struct Placing {
    pub(super) input_is_stale: bool,
    in_flight: Option<Ticket>,
    pub(super) input: placement::Input,
    pub(super) plan: Arc<Plan>,
    /// Every slot there should be, and its owner.
    pub(super) slots: BTreeMap<SlotKey, Option<NodeId>>,
    /// The plan follows from the registry as it is, or nearly: one was made since the start.
    pub(super) has_plan: bool,
}

impl Placing {
    pub(super) fn new() -> Self {
        Self {
            input_is_stale: true,
            ..Self::default()
        }
    }

    /// With the plan that follows from this input.
    pub(super) fn with(input: placement::Input, plan: Arc<Plan>) -> Self {
        Self {
            input,
            slots: slots_of(&plan),
            plan,
            has_plan: true,
            ..Self::default()
        }
    }
}

impl Peer {
    /// Asks for a new plan when what it depends on has changed; one at a time.
    pub(super) fn tend_placing(&mut self) {
        if !self.placing.input_is_stale || self.placing.in_flight.is_some() {
            return;
        }
        self.placing.input_is_stale = false;
        let Some(mut input) = self.placement_input() else {
            return;
        };
        if input.nodes == self.placing.input.nodes {
            // Equal to the last ones: let them be the last ones, which others may share.
            input.nodes = self.placing.input.nodes.clone();
        }
        if self.placing.has_plan && input == self.placing.input {
            return;
        }
        let ticket = self.new_ticket();
        self.placing.in_flight = Some(ticket);
        self.placing.input = input.clone();
        self.effects.push_back(Effect::Plan {
            ticket,
            input: Box::new(input),
        });
    }

    /// A plan arrived.
    pub(super) fn planned(&mut self, ticket: Ticket, plan: Arc<Plan>) {
        if self.placing.in_flight != Some(ticket) {
            return;
        }
        self.placing.in_flight = None;
        self.placing.has_plan = true;
        self.placing.slots = slots_of(&plan);
        self.placing.plan = plan;
        self.running.is_stale = true;
        self.view_is_stale = true;
    }

    fn placement_input(&self) -> Option<placement::Input> {
        let roster = self.catalog.roster();
        let versions = roster.values().map(|node| node.facts.placement_version);
        let version = match placement::Version::lowest(versions) {
            Ok(version) => version,
            Err(error) => {
                tracing::error!(%error, "this node places nothing");
                return None;
            }
        };
        let eligible: BTreeSet<NodeId> = roster
            .keys()
            .filter(|node| self.is_eligible(node))
            .copied()
            .collect();
        let services = self.catalog.services();
        Some(placement::Input {
            version,
            load_caps: self.config.load_caps,
            services: services
                .iter()
                .map(|(id, service)| (*id, service.spec.clone()))
                .collect(),
            nodes: eligible
                .iter()
                .map(|node| (*node, self.placement_node(node)))
                .collect(),
            refusals: self.all_refusals(&eligible),
            homes: self.placement_homes(),
            keeps: self.kept_by_paused(&eligible),
        })
    }

    /// On the roster, and alive, or not yet known to be anything else.
    pub(super) fn is_eligible(&self, node: &NodeId) -> bool {
        let phase = self.phase_of(node);
        if *node == self.me() {
            return !self.is_leaving();
        }
        let status = self.presence.status(node, phase, self.now.monotonic);
        status != NodeStatus::Down && phase != Phase::Leaving
    }

    /// What a node last said it means to do. What a former life said is void.
    pub(super) fn phase_of(&self, node: &NodeId) -> Phase {
        let record = self.observed.get(node, Topic::STATUS);
        let is_void = |incarnation| {
            self.presence.is_alive(node)
                && !self
                    .presence
                    .speaks_for(node, incarnation, self.now.monotonic)
        };
        record
            .filter(|record| !is_void(record.incarnation))
            .and_then(|record| codec::decode::<Status>(&record.body).ok())
            .map(|status| status.phase)
            .unwrap_or_default()
    }

    pub(super) fn placement_node(&self, id: &NodeId) -> Arc<placement::Node> {
        let Some(node) = self.catalog.roster().get(id) else {
            return Arc::default();
        };
        let addresses = self.addresses_of(id);
        let mut labels = node.spec.labels.clone();
        if bugs::is(Bug::CapFromLiveAverage) {
            let load = self.live_slots_of(id).len() + 1;
            labels.insert("shoal.weight".into(), load.to_string());
        }
        Arc::new(placement::Node {
            hostname: node.facts.hostname.clone(),
            addresses: addresses
                .as_slice()
                .iter()
                .map(|address| address.ip())
                .collect(),
            labels,
            facts: node.facts.clone(),
            availability: node.spec.availability,
        })
    }

    pub(super) fn addresses_of(&self, node: &NodeId) -> shoal_membership::Addresses {
        if *node == self.me() {
            return self.membership.me().addresses.clone();
        }
        self.presence.addresses(node)
    }

    fn all_refusals(
        &self,
        eligible: &BTreeSet<NodeId>,
    ) -> BTreeMap<(ServiceId, Slot, NodeId), String> {
        let mut all = BTreeMap::new();
        for node in eligible {
            let refusals = if *node == self.me() {
                self.own_refusals()
            } else {
                self.refusals_of(node)
            };
            for refusal in refusals {
                let service = self.catalog.services().get(&refusal.service);
                let wanted = service.map(|service| match &service.job {
                    Some(job) => {
                        Job::template(service.template, job.next(refusal.slot).unwrap_or(0))
                    }
                    None => service.template,
                });
                if wanted == Some(refusal.template) {
                    all.insert((refusal.service, refusal.slot, *node), refusal.reason);
                }
            }
        }
        all
    }

    fn refusals_of(&self, node: &NodeId) -> Vec<Refusal> {
        let now = self.now.monotonic;
        self.observed
            .get(node, Topic::REFUSALS)
            .filter(|record| self.presence.speaks_for(node, record.incarnation, now))
            .and_then(|record| codec::decode(&record.body).ok())
            .unwrap_or_default()
    }

    fn placement_homes(&self) -> BTreeMap<SlotKey, placement::Home> {
        let roster = self.catalog.roster();
        self.catalog
            .homes()
            .iter()
            .filter_map(|(slot, home)| {
                let node: NodeId = home.node.parse().ok()?;
                let known = roster.get(&node);
                let hostname = known
                    .map(|node| node.facts.hostname.clone())
                    .unwrap_or_default();
                let volume = home.volume.clone();
                let on_roster = known.is_some();
                Some((
                    *slot,
                    placement::Home {
                        node,
                        hostname,
                        volume,
                        on_roster,
                    },
                ))
            })
            .collect()
    }

    /// What paused nodes run now: they keep it.
    fn kept_by_paused(&self, eligible: &BTreeSet<NodeId>) -> BTreeSet<(ServiceId, Slot, NodeId)> {
        let mut keeps = BTreeSet::new();
        for node in eligible.iter().filter(|node| self.is_paused(node)) {
            let live = self.live_slots_of(node);
            keeps.extend(
                live.into_iter()
                    .map(|(service, slot)| (service, slot, *node)),
            );
        }
        keeps
    }

    pub(super) fn is_paused(&self, node: &NodeId) -> bool {
        let roster = self.catalog.roster();
        let node = roster.get(node);
        node.is_some_and(|one| one.spec.availability == Availability::Pause)
    }

    /// The tasks of a node are others now. A paused node keeps what it has, so then the plan is, too.
    pub(super) fn tasks_changed_on(&mut self, node: &NodeId) {
        self.placing.input_is_stale |= self.is_paused(node);
    }

    /// At once, if the input has changed since the last plan was asked for.
    pub(super) fn placing_deadline(&self) -> Option<Duration> {
        let is_due = self.placing.input_is_stale && self.placing.in_flight.is_none();
        is_due.then_some(self.now.monotonic)
    }

    /// When eligibility changes by itself.
    pub(super) fn presence_deadline(&mut self) -> Option<Duration> {
        self.presence.deadline(self.now.monotonic)
    }
}

fn slots_of(plan: &Plan) -> BTreeMap<SlotKey, Option<NodeId>> {
    let mut slots = BTreeMap::new();
    for (id, owners) in &plan.services {
        for (number, owner) in (1..).zip(&owners.replicas) {
            slots.insert((*id, Slot::Number(number)), *owner);
        }
        slots.extend(
            owners
                .everywhere
                .iter()
                .map(|node| ((*id, Slot::Node(*node)), Some(*node))),
        );
    }
    for pending in &plan.pending {
        slots.entry((pending.service, pending.slot)).or_insert(None);
    }
    slots
}
