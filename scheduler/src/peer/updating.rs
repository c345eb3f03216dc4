//! Updates of services: how far each is, as this node sees it, and what it finds of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use shoal_membership::NodeId;

use super::{Peer, service::finding_key};
use crate::{
    payload::UpdateFinding,
    placement::{self, Weight},
    reconcile::{LocalTask, SlotKey},
    spec::FailureAction,
    task::{ServiceId, Slot, TaskId, TaskReport, TaskState},
    update::{Finding, Progress, Rollout, SlotSeen, Stage},
};

/// Each node waits so much longer than the one before it before it writes down what all can see.
const TURN: Duration = Duration::from_secs(1);
/// And waits so long for what it wrote to be on its disk.
const WRITTEN: Duration = Duration::from_secs(5);
/// Turns at most.
const TURNS_MAX: usize = 10;

/// Updates that are not over.
#[derive(Debug, Default)]
pub(super) struct Updating {
    pub(super) progress: BTreeMap<ServiceId, Arc<Progress>>,
    /// Since when this node knows of each update (monotonic).
    heard: BTreeMap<(ServiceId, u64), Duration>,
    /// What it sees and nobody wrote down yet, since when.
    seen: BTreeMap<(ServiceId, u64, Finding), Duration>,
    look_again_at: Option<Duration>,
}

impl Updating {
    pub(super) fn look_again_at(&self) -> Option<Duration> {
        self.look_again_at
    }

    /// Slots that may give up a task of another spec that is well. None: all.
    fn open(&self, service: &ServiceId) -> Option<&BTreeSet<Slot>> {
        self.progress.get(service).map(|progress| &progress.open)
    }
}

impl Peer {
    /// Looks at all updates that are not over, and writes down what is found of them.
    pub(super) fn look_at_updates(&mut self) {
        let services = self.catalog.services().values();
        let unfinished = services.filter(|service| service.unfinished().is_some());
        let unfinished = unfinished.map(|one| one.record.id);
        let unfinished: BTreeSet<ServiceId> = unfinished.chain(self.left_behind()).collect();
        let former = std::mem::take(&mut self.updating);
        if unfinished.is_empty() {
            return;
        }
        let mut tasks = self.tasks_of(&unfinished);
        for id in unfinished {
            self.look_at_update(id, tasks.remove(&id).unwrap_or_default(), &former);
        }
    }

    /// Services of which no update is under way, though this node has tasks of another spec: those who ended it could
    /// not hear of this node. Its slots come one batch after another all the same.
    fn left_behind(&self) -> BTreeSet<ServiceId> {
        let services = self.catalog.services();
        let is_left = |task: &&LocalTask| {
            let service = services.get(&task.report.service);
            service.is_some_and(|service| {
                let is_job = service.spec.mode.is_job();
                !is_job
                    && service.unfinished().is_none()
                    && task.report.template != service.template
            })
        };
        let tasks = self.running.local.live();
        let left = tasks.filter(|task| !task.is_stopping()).filter(is_left);
        left.map(|task| task.report.service).collect()
    }

    fn look_at_update(&mut self, id: ServiceId, tasks: SlotTasks, former: &Updating) {
        let now = self.now.monotonic;
        let Some(service) = self.catalog.services().get(&id) else {
            return;
        };
        let (update, mut config) = (service.update, service.update_config());
        // A later write that changes no task asked for none.
        let status = service.status.as_ref();
        let stage = status.map_or(Stage::Completed, |status| status.stage);
        if stage.is_over() {
            // What failed by then was tolerated.
            config.failure_action = FailureAction::Continue;
        }
        let has_previous = service.record.previous_spec.is_some();
        let after_another = service.record.after_another;
        let heard = former.heard.get(&(id, update)).copied().unwrap_or(now);
        self.updating.heard.insert((id, update), heard);
        let slots = self.slots_seen(id, &tasks);
        let rollout = Rollout {
            config: &config,
            goes_on: stage.goes_on() || stage.is_over(),
            after_another: after_another.then_some(heard),
            slots: &slots,
        };
        let progress = rollout.look(now);
        tracing::debug!(service = %id, update, ?stage, ?slots, ?progress, "looks at an update");
        let is_planned = self.placing.plan.services.contains_key(&id);
        let found = match progress.failed {
            Some(task) => failure(stage, config.failure_action, has_previous, task),
            None if progress.is_finished && is_planned => success(stage),
            None => None,
        };
        let due = found
            .filter(|_| stage.goes_on())
            .and_then(|found| self.write_down((id, update), found, former));
        let next = [self.updating.look_again_at, progress.look_again_at, due];
        self.updating.look_again_at = next.into_iter().flatten().min();
        self.updating.progress.insert(id, Arc::new(progress));
    }

    /// Writes down what is found of an update, when it is this node's turn. When that is to come.
    fn write_down(
        &mut self,
        (id, update): (ServiceId, u64),
        (finding, message): (Finding, String),
        former: &Updating,
    ) -> Option<Duration> {
        let now = self.now.monotonic;
        let key = (id, update, finding);
        let since = former.seen.get(&key).copied().unwrap_or(now);
        self.updating.seen.insert(key, since);
        let due = since.saturating_add(TURN * self.turn_for(id));
        if due > now {
            return Some(due);
        }
        tracing::info!(service = %id, %message, "an update");
        // Again only if it does not reach the disk.
        self.updating.seen.insert(key, now.saturating_add(WRITTEN));
        let found = UpdateFinding { message };
        let key = finding_key(id, update, finding);
        self.find(key, super::orders::json(&found));
        None
    }

    /// This node's place among all that see the same: one writes, and the others only if it does not.
    fn turn_for(&self, service: ServiceId) -> u32 {
        let me = self.me();
        let rank =
            |node: &NodeId| placement::score(service, Slot::Node(*node), *node, Weight::default());
        let own = rank(&me);
        let nodes = self.placing.input.nodes.keys();
        let better = nodes.filter(|node| **node != me && rank(node) > own);
        better.take(TURNS_MAX).count() as u32
    }

    fn slots_seen(&self, service: ServiceId, tasks: &SlotTasks) -> Vec<(Slot, SlotSeen)> {
        let Some(known) = self.catalog.services().get(&service) else {
            return Vec::new();
        };
        let owners = &self.placing.slots;
        let is_global = known.spec.mode.is_global();
        // All members, whoever lives: nodes that differ in that should not differ in who is whose batch.
        let planned: Vec<Slot> = match is_global {
            true => self
                .catalog
                .roster()
                .keys()
                .copied()
                .map(Slot::Node)
                .collect(),
            false => (1..=known.spec.mode.slots()).map(Slot::Number).collect(),
        };
        let see = |slot: Slot| {
            let mut seen = tasks.get(&slot).cloned().unwrap_or_default();
            let owner = owners.get(&(service, slot));
            // A number that the plan does not know yet is no slot that fits nowhere.
            seen.has_owner = match owner {
                // What it keeps stays as it is, and holds nobody up.
                Some(Some(owner)) if seen.runs && self.is_paused(owner) => {
                    seen.updated_since.is_some()
                }
                Some(owner) => owner.is_some(),
                None => !is_global,
            };
            (slot, seen)
        };
        planned.into_iter().map(see).collect()
    }

    /// What is known of the tasks of these services, by slot.
    fn tasks_of(&self, services: &BTreeSet<ServiceId>) -> BTreeMap<ServiceId, SlotTasks> {
        let mut all: BTreeMap<ServiceId, SlotTasks> = BTreeMap::new();
        let mut newest: BTreeMap<SlotKey, (Duration, TaskId)> = BTreeMap::new();
        let mut note = |report: &TaskReport, since: Option<Duration>, holds: bool| {
            let Some(service) = self.catalog.services().get(&report.service) else {
                return;
            };
            let slots = all.entry(report.service).or_default();
            let seen = slots.entry(report.slot).or_default();
            // A dead node's task says nothing: its slot is down for another reason.
            let age = (report.created_at, report.id);
            let key = (report.service, report.slot);
            if holds && newest.get(&key).is_none_or(|other| *other < age) {
                newest.insert(key, age);
                let is_of_a_number = matches!(report.slot, Slot::Number(_));
                seen.is_between = is_of_a_number && report.template != service.template;
            }
            let is_wanted = report.desired < TaskState::Shutdown;
            if holds && is_wanted && report.state == TaskState::Running {
                seen.runs = true;
                if report.template == service.template {
                    // Of two copies the older says it.
                    let earlier = seen.updated_since.into_iter().chain(since);
                    seen.updated_since = earlier.min();
                }
            }
            if report.update == service.update && report.template == service.template {
                seen.is_touched = true;
                if has_failed(report, service.update_config().monitor()) {
                    seen.failed = Some(seen.failed.map_or(report.id, |id| id.min(report.id)));
                }
            }
        };
        for task in self.running.local.all() {
            if services.contains(&task.report.service) {
                note(&task.report, task.running_since, true);
            }
        }
        for (node, reports) in &self.reports {
            let holds = self.holds(node, reports);
            for task in &reports.tasks {
                if services.contains(&task.service) {
                    note(task, reports.running_since.get(&task.id).copied(), holds);
                }
            }
        }
        all
    }

    /// Slots of a service that may give up a task of another spec that is well. None: all.
    pub(super) fn open_slots(&self, service: &ServiceId) -> Option<BTreeSet<Slot>> {
        if self.is_paused(&self.me()) {
            return Some(BTreeSet::new());
        }
        self.updating.open(service).cloned()
    }

    /// Slots of a service that stay with the spec before: its update is paused, and has not come to them.
    pub(super) fn slots_behind(&self, service: &ServiceId) -> BTreeSet<Slot> {
        let known = self.catalog.services().get(service);
        let stage = known.and_then(super::service::Service::unfinished);
        let progress = self.updating.progress.get(service);
        match progress.filter(|_| stage == Some(Stage::Paused)) {
            Some(progress) => progress.behind.clone(),
            None => BTreeSet::new(),
        }
    }
}

/// What is known of the tasks of a service, by slot.
type SlotTasks = BTreeMap<Slot, SlotSeen>;

/// Whether a task that nobody stopped ended before it ran, or soon after.
fn has_failed(report: &TaskReport, monitor: Duration) -> bool {
    let has_ended = matches!(
        report.state,
        TaskState::Failed | TaskState::Rejected | TaskState::Complete
    );
    let ran_for = report.ran_at.map(|at| report.state_at.saturating_sub(at));
    has_ended && ran_for.is_none_or(|ran_for| ran_for < monitor)
}

fn success(stage: Stage) -> Option<(Finding, String)> {
    match stage {
        Stage::Updating => Some((Finding::Completed, "update completed".to_owned())),
        Stage::RollbackStarted => {
            Some((Finding::RollbackCompleted, "rollback completed".to_owned()))
        }
        _ => None,
    }
}

/// What follows from too many failures, in Swarm's words.
fn failure(
    stage: Stage,
    action: FailureAction,
    has_previous: bool,
    task: TaskId,
) -> Option<(Finding, String)> {
    let (finding, what) = match (stage, action) {
        (_, FailureAction::Continue) => return None,
        (Stage::Updating, FailureAction::Rollback) if has_previous => {
            (Finding::RolledBack, "update rolled back")
        }
        (Stage::Updating, _) => (Finding::Paused, "update paused"),
        // A rollback never rolls back again.
        (Stage::RollbackStarted, _) => (Finding::RollbackPaused, "rollback paused"),
        _ => return None,
    };
    let message = format!("{what} due to failure or early termination of task {task}");
    Some((finding, message))
}
