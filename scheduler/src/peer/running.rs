//! This node's tasks: what reconciling decides, carried out.

mod adopting;
mod changes;
mod files;
mod generic;
mod homes;
mod jobs;
mod missing;
mod starting;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use shoal_membership::NodeId;

use super::{Effect, Peer};
use crate::{
    observed::Refusal,
    payload::JobRecord,
    placement,
    reconcile::{
        Action, HoldDowns, Ledger, LocalTask, LocalTasks, Situation, SlotKey, Wanted, Yields,
        reconcile,
    },
    registry::{Key, kind},
    spec::{Availability, ServiceSpec},
    task::{ServiceId, TaskId, TaskState},
};

/// Reconciling waits this long for more news after the last time.
const PACE: Duration = Duration::from_millis(20);

/// This node's tasks and what is remembered of them.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) local: LocalTasks,
    /// Specs of own tasks, as they were started.
    specs: BTreeMap<TaskId, Arc<ServiceSpec>>,
    ledger: Ledger,
    hold_downs: HoldDowns,
    yields: Yields,
    /// Own refusals, each until it is withdrawn.
    refusals: BTreeMap<SlotKey, (Refusal, Duration)>,
    drained_since: Option<Duration>,
    /// The epoch of each slot's home here, while a task with its data runs.
    home_epochs: BTreeMap<SlotKey, u64>,
    /// Slots whose home this node claims back at the moment: their tasks go on.
    claimed: BTreeSet<SlotKey>,
    /// Runs of jobs that are behind this node, by service and the write that asked for them.
    runs: BTreeMap<(ServiceId, u64), JobRecord>,
    /// Tasks that wait for something that they need, since when.
    waiting: BTreeMap<TaskId, Duration>,
    pub(super) is_stale: bool,
    last_look: Option<Duration>,
    look_again_at: Option<Duration>,
}

impl Running {
    pub(super) fn new(hold_down: Duration) -> Self {
        Self {
            local: LocalTasks::default(),
            specs: BTreeMap::new(),
            ledger: Ledger::default(),
            hold_downs: HoldDowns::new(hold_down),
            yields: Yields::new(hold_down),
            refusals: BTreeMap::new(),
            drained_since: None,
            home_epochs: BTreeMap::new(),
            claimed: BTreeSet::new(),
            runs: BTreeMap::new(),
            waiting: BTreeMap::new(),
            is_stale: true,
            last_look: None,
            look_again_at: None,
        }
    }

    fn deadline(&self, may_decide: bool) -> Option<Duration> {
        let start = self.local.live().filter_map(|task| task.starts_at).min();
        let refusal = self.refusals.values().map(|(_, until)| *until).min();
        let pace = (self.is_stale && may_decide)
            .then(|| self.last_look.map_or(Duration::ZERO, |at| at + PACE));
        let again = self.look_again_at.filter(|_| may_decide && !self.is_stale);
        [start, refusal, pace, again].into_iter().flatten().min()
    }
}

impl Peer {
    /// Starts what is due, withdraws refusals, and reconciles when anything has changed.
    pub(super) fn tend_running(&mut self) {
        let now = self.now.monotonic;
        self.start_due_tasks();
        self.withdraw_refusals();
        if self.running.look_again_at.is_some_and(|at| at <= now) {
            self.running.is_stale = true;
        }
        let is_too_soon = self
            .running
            .last_look
            .is_some_and(|at| now < at.saturating_add(PACE));
        if !self.running.is_stale || is_too_soon || !self.may_decide() {
            return;
        }
        self.running.is_stale = false;
        self.running.last_look = Some(now);
        self.note_drain();
        self.claim_homes();
        self.write_runs();
        self.look_at_updates();
        let decision = self.decide();
        let again = decision
            .look_again_at
            .into_iter()
            .chain(self.updating.look_again_at());
        self.running.look_again_at = again.min();
        self.running.yields.note(&decision.yielding, now);
        for action in decision.actions {
            self.act(action);
        }
        self.tidy();
    }

    pub(super) fn running_deadline(&self) -> Option<Duration> {
        self.running.deadline(self.may_decide())
    }

    /// With others on its roster a node decides nothing before it has synced with one of them, or
    /// has waited for an answer in vain. One that stops for a moment leaves its tasks as they are.
    fn may_decide(&self) -> bool {
        let is_pausing = self.stopping.is_some() && !self.is_leaving();
        if is_pausing || self.evicting.is_returning() {
            return false;
        }
        self.placing.has_plan && self.sync.is_settled
    }

    /// Whether a service is known to have been removed: the registry is whole, or says so.
    fn is_removed(&self, service: &ServiceId, name: &str) -> bool {
        let is_here = self.catalog.services().contains_key(service);
        let key = Key::of(kind::SERVICE, name);
        !is_here && (self.sync.has_synced || self.registry.entry(&key).is_some())
    }

    fn note_drain(&mut self) {
        let own = self.catalog.roster().get(&self.me());
        let is_drained = own.is_some_and(|node| node.spec.availability == Availability::Drain);
        self.running.drained_since = match (is_drained, self.running.drained_since) {
            (false, _) => None,
            (true, since) => since.or(Some(self.now.monotonic)),
        };
    }

    fn decide(&self) -> crate::reconcile::Decision {
        let services: BTreeMap<ServiceId, Wanted> = self
            .catalog
            .services()
            .iter()
            .map(|(id, one)| {
                (
                    *id,
                    Wanted {
                        spec: one.spec.clone(),
                        template: one.template,
                        previous: one
                            .previous
                            .as_ref()
                            .map(|previous| (previous.spec.clone(), previous.template)),
                        open: self.open_slots(id),
                        behind: self.slots_behind(id),
                        order: one.update_config().order,
                        job: one.job.clone(),
                    },
                )
            })
            .collect();
        let me = self.me();
        let concerning: BTreeSet<SlotKey> = self
            .placing
            .slots
            .iter()
            .filter(|(_, owner)| **owner == Some(me))
            .map(|(slot, _)| *slot)
            .chain(self.running.local.live().map(LocalTask::slot_key))
            .collect();
        let elsewhere = self.elsewhere(&concerning);
        let mut decision = reconcile(&Situation {
            now: self.now.monotonic,
            me,
            is_paused: self.is_paused(&me),
            drained_since: self.running.drained_since,
            leaves_at: self
                .stopping
                .as_ref()
                .and_then(|stopping| stopping.leaves_at),
            slots: &self.placing.slots,
            services: &services,
            planned: &|service| self.placing.plan.services.contains_key(service),
            is_removed: &|service, name| self.is_removed(service, name),
            local: &self.running.local,
            elsewhere: &elsewhere,
            ledger: &self.running.ledger,
            hold_downs: &self.running.hold_downs,
            yields: &self.running.yields,
            outranks_me: &|slot, other| self.outranks_me(slot, other),
        });
        let settles_at = self.next_settling(&concerning);
        decision.look_again_at = [decision.look_again_at, settles_at]
            .into_iter()
            .flatten()
            .min();
        decision
    }

    fn outranks_me(&self, slot: &SlotKey, other: &NodeId) -> bool {
        let score = |node: &NodeId| {
            let weight = self.placing.input.nodes.get(node).map(|node| node.weight());
            weight.map(|weight| (placement::score(slot.0, slot.1, *node, weight), *node))
        };
        score(other) > score(&self.me())
    }

    fn act(&mut self, action: Action) {
        let now = self.now.monotonic;
        match action {
            Action::Hold { slot } => {
                tracing::debug!(service = %slot.0, slot = %slot.1, "waits before it takes a slot over");
                self.running.hold_downs.begin(slot, now);
                let again = self.running.hold_downs.over_at(&slot);
                let look = [self.running.look_again_at, again]
                    .into_iter()
                    .flatten()
                    .min();
                self.running.look_again_at = look;
            }
            Action::Stop { task, why } => {
                let slot = self.running.local.get(&task).map(LocalTask::slot_key);
                if slot.is_none_or(|slot| !self.running.claimed.contains(&slot)) {
                    self.stop_task(task, why);
                }
            }
            Action::Start {
                slot,
                at,
                takes_over,
            } => {
                if takes_over {
                    tracing::debug!(service = %slot.0, slot = %slot.1, "takes a slot over");
                    self.running.hold_downs.taken_over(slot, now);
                }
                self.create_task(slot, at);
            }
        }
    }

    fn stop_task(&mut self, id: TaskId, why: &'static str) {
        let wall = self.now.wall;
        let Some(task) = self.running.local.get_mut(&id) else {
            return;
        };
        if task.is_stopping() {
            return;
        }
        tracing::info!(task = %id, service = %task.report.service_name, why, "stopping a task");
        task.report.desired = TaskState::Shutdown;
        why.clone_into(&mut task.report.message);
        if task.starts_at.take().is_some() {
            task.advance(TaskState::Shutdown, why, wall);
        } else {
            self.effects.push_back(Effect::Stop(id));
        }
        self.own_tasks_changed();
        self.running.is_stale = true;
    }

    /// Lets go of what is over and done with.
    fn tidy(&mut self) {
        let services = self.catalog.services();
        // While a store is being refilled a service may only not be there yet.
        let may_miss = !self.sync.has_synced && self.catalog.roster().len() > 1;
        let exists = |slot: &SlotKey| may_miss || services.contains_key(&slot.0);
        let history = self.catalog.cluster_spec().task_history();
        for id in self.running.local.take_forgotten(history, exists) {
            self.running.specs.remove(&id);
            self.running.waiting.remove(&id);
            self.effects.push_back(Effect::Remove(id));
            self.own_tasks_changed();
        }
        let (slots, me) = (&self.placing.slots, self.me());
        let now = self.now.monotonic;
        let (services, plan) = (self.catalog.services(), &self.placing.plan);
        let is_unplanned =
            |slot: &SlotKey| services.contains_key(&slot.0) && !plan.services.contains_key(&slot.0);
        self.running
            .ledger
            .tidy(|slot| slots.contains_key(slot) || is_unplanned(slot));
        self.running
            .hold_downs
            .tidy(now, |slot| slots.get(slot) == Some(&Some(me)));
        let before = self.running.refusals.len();
        self.running
            .refusals
            .retain(|slot, _| slots.contains_key(slot));
        if self.running.refusals.len() != before {
            self.refusals_changed();
        }
    }
}
