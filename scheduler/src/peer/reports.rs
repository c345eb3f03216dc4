//! What others say of their tasks, and since when this node has seen it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use shoal_membership::{NodeId, codec};

use super::Peer;
use crate::{
    observed::{Phase, Record},
    reconcile::{Elsewhere, SETTLED_AFTER, SlotKey},
    spec::Availability,
    task::{TaskId, TaskReport, TaskState},
};

/// The tasks of one other node.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports {
    pub(super) incarnation: u64,
    pub(super) tasks: Vec<Arc<TaskReport>>,
    /// When this node first saw a task run (monotonic).
    pub(super) running_since: BTreeMap<TaskId, Duration>,
}

impl Peer {
    /// A node published its tasks.
    pub(super) fn tasks_reported(&mut self, record: &Record) {
        let tasks: Vec<TaskReport> = match codec::decode(&record.body) {
            Ok(tasks) => tasks,
            Err(error) => {
                tracing::warn!(node = %record.node, %error, "a report that can't be read");
                return;
            }
        };
        let now = self.now.monotonic;
        let reports = self.reports.entry(record.node).or_default();
        let seen = std::mem::take(&mut reports.running_since);
        reports.running_since = tasks
            .iter()
            .filter(|task| task.state == TaskState::Running)
            .map(|task| (task.id, seen.get(&task.id).copied().unwrap_or(now)))
            .collect();
        reports.incarnation = record.incarnation;
        reports.tasks = tasks.into_iter().map(Arc::new).collect();
    }

    /// Whether what a node said of its tasks still holds.
    pub(super) fn holds(&self, node: &NodeId, reports: &Reports) -> bool {
        let now = self.now.monotonic;
        let is_member = self.catalog.roster().contains_key(node);
        let is_away =
            self.presence.status(node, self.phase_of(node), now) == crate::view::NodeStatus::Away;
        is_member && (is_away || self.presence.speaks_for(node, reports.incarnation, now))
    }

    /// What living others report of these slots.
    pub(super) fn elsewhere(&self, slots: &BTreeSet<SlotKey>) -> BTreeMap<SlotKey, Vec<Elsewhere>> {
        let mut elsewhere: BTreeMap<SlotKey, Vec<Elsewhere>> = BTreeMap::new();
        if slots.is_empty() {
            return elsewhere;
        }
        for (node, reports) in self
            .reports
            .iter()
            .filter(|(node, one)| self.holds(node, one))
        {
            let (must_move, is_kept) = (self.must_move_from(node), self.is_paused(node));
            for task in &reports.tasks {
                let slot = (task.service, task.slot);
                if !slots.contains(&slot) {
                    continue;
                }
                elsewhere.entry(slot).or_default().push(Elsewhere {
                    node: *node,
                    template: task.template,
                    state: task.state,
                    is_wanted: task.desired < TaskState::Shutdown,
                    has_settled: self.settles_at(reports, task) <= Some(self.now.monotonic)
                        && task.state == TaskState::Running,
                    must_move,
                    is_kept,
                });
            }
        }
        elsewhere
    }

    fn must_move_from(&self, node: &NodeId) -> bool {
        let known = self.catalog.roster().get(node);
        let is_drained = known.is_some_and(|one| one.spec.availability == Availability::Drain);
        is_drained || self.phase_of(node) == Phase::Leaving
    }

    /// When a running task counts as settled: at once if its health is checked.
    fn settles_at(&self, reports: &Reports, task: &TaskReport) -> Option<Duration> {
        let since = *reports.running_since.get(&task.id)?;
        let service = self.catalog.services().get(&task.service);
        let is_checked = service
            .and_then(|service| service.spec.container().healthcheck.as_ref())
            .is_some_and(crate::spec::Healthcheck::is_active);
        Some(if is_checked {
            since
        } else {
            since.saturating_add(SETTLED_AFTER)
        })
    }

    /// When the next of others' tasks in these slots settles.
    pub(super) fn next_settling(&self, slots: &BTreeSet<SlotKey>) -> Option<Duration> {
        let now = self.now.monotonic;
        if slots.is_empty() {
            return None;
        }
        self.reports
            .values()
            .flat_map(|reports| reports.tasks.iter().map(move |task| (reports, task)))
            .filter(|(_, task)| slots.contains(&(task.service, task.slot)))
            .filter_map(|(reports, task)| self.settles_at(reports, task))
            .filter(|at| *at > now)
            .min()
    }

    /// Slots that a node runs now, as it says.
    pub(super) fn live_slots_of(&self, node: &NodeId) -> Vec<SlotKey> {
        let is_live = |report: &TaskReport| {
            !report.state.is_terminal() && report.desired < TaskState::Shutdown
        };
        if *node == self.me() {
            let local = self
                .running
                .local
                .live()
                .filter(|task| is_live(&task.report));
            return local.map(|task| task.slot_key()).collect();
        }
        let Some(reports) = self.reports.get(node).filter(|one| self.holds(node, one)) else {
            return Vec::new();
        };
        let live = reports.tasks.iter().filter(|task| is_live(task));
        live.map(|task| (task.service, task.slot)).collect()
    }
}
