//! The tasks of this node: the one place where a task's state changes.

use std::{collections::BTreeMap, time::Duration};

use super::SlotKey;
use crate::task::{TaskId, TaskReport, TaskState};

/// Ended tasks kept in all.
const HISTORY_MAX: usize = 500;

/// A task of this node.
#[derive(Clone, Debug)]
pub struct LocalTask {
    /// What all others are told.
    pub report: TaskReport,
    /// Monotonic time at which it is handed to the runtime. None: it was.
    pub starts_at: Option<Duration>,
    /// Monotonic time since when it runs.
    pub running_since: Option<Duration>,
}

impl LocalTask {
    /// The slot that it fills.
    #[must_use]
    pub fn slot_key(&self) -> SlotKey {
        (self.report.service, self.report.slot)
    }

    /// Whether it was told to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.report.desired >= TaskState::Shutdown
    }

    /// Moves it up to a state, and says why it is there, also if it was there before.
    pub fn say(&mut self, state: TaskState, message: &str, wall: Duration) {
        if !self.advance(state, message, wall) && self.report.state == state {
            message.clone_into(&mut self.report.message);
        }
    }

    /// Moves it up to a state. A task never moves down. Whether anything changed.
    pub fn advance(&mut self, state: TaskState, message: &str, wall: Duration) -> bool {
        if state <= self.report.state {
            return false;
        }
        self.report.state = state;
        self.report.state_at = wall;
        message.clone_into(&mut self.report.message);
        true
    }
}

/// All tasks of this node, ended ones included as far as history goes.
#[derive(Clone, Debug, Default)]
pub struct LocalTasks {
    tasks: BTreeMap<TaskId, LocalTask>,
}

impl LocalTasks {
    /// Adds a task.
    pub fn insert(&mut self, task: LocalTask) {
        self.tasks.insert(task.report.id, task);
    }

    /// A task.
    #[must_use]
    pub fn get(&self, id: &TaskId) -> Option<&LocalTask> {
        self.tasks.get(id)
    }

    /// A task, to be changed.
    pub fn get_mut(&mut self, id: &TaskId) -> Option<&mut LocalTask> {
        self.tasks.get_mut(id)
    }

    /// All tasks, by id.
    pub fn all(&self) -> impl Iterator<Item = &LocalTask> {
        self.tasks.values()
    }

    /// Tasks that have not ended.
    pub fn live(&self) -> impl Iterator<Item = &LocalTask> {
        self.tasks
            .values()
            .filter(|task| !task.report.state.is_terminal())
    }

    /// Takes out the ended tasks that history has no room for: those of services that are gone,
    /// all but the last few of each slot, and the oldest beyond a total.
    pub fn take_forgotten(
        &mut self,
        per_slot_max: u64,
        exists: impl Fn(&SlotKey) -> bool,
    ) -> Vec<TaskId> {
        let mut ended: Vec<(Duration, TaskId, (SlotKey, u64))> = self
            .tasks
            .values()
            .filter(|task| task.report.state.is_terminal())
            .map(|task| {
                let slot = (task.slot_key(), task.report.run);
                (task.report.state_at, task.report.id, slot)
            })
            .collect();
        ended.sort();
        ended.reverse();
        let mut per_slot: BTreeMap<(SlotKey, u64), u64> = BTreeMap::new();
        let mut forgotten = Vec::new();
        for (index, (_, id, slot)) in ended.iter().enumerate() {
            let number = per_slot.entry(*slot).or_default();
            *number += 1;
            if !exists(&slot.0) || *number > per_slot_max || index >= HISTORY_MAX {
                forgotten.push(*id);
            }
        }
        for id in &forgotten {
            self.tasks.remove(id);
        }
        forgotten
    }
}
