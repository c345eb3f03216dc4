//! Tasks that can't be started yet: something that they need is not here.

use std::time::Duration;

use crate::{
    peer::{Peer, TaskChange},
    task::{TaskId, TaskState},
};

/// What a task waits for.
pub(super) struct Missing {
    /// In words for people.
    words: String,
    /// Whether another node may have it.
    is_here_only: bool,
}

impl Missing {
    /// Something that no node has.
    pub(super) const fn anywhere(words: String) -> Self {
        Self {
            words,
            is_here_only: false,
        }
    }

    /// Something that another node may have.
    pub(super) const fn here(words: String) -> Self {
        Self {
            words,
            is_here_only: true,
        }
    }
}

/// How often it is looked whether what a task waits for has come.
const PAUSE: Duration = Duration::from_millis(100);
/// A task waits so long; then this node can't run it for now, and others may.
const PATIENCE: Duration = Duration::from_secs(10);

impl Peer {
    /// Has a task start later, or refuses it when it has waited for long.
    pub(super) fn wait_for(&mut self, id: TaskId, missing: Missing) {
        let (now, wall) = (self.now.monotonic, self.now.wall);
        let since = *self.running.waiting.entry(id).or_insert(now);
        let Some(task) = self.running.local.get_mut(&id) else {
            return;
        };
        if !missing.is_here_only || now < since.saturating_add(PATIENCE) {
            task.starts_at = Some(now.saturating_add(PAUSE));
            if task.report.message != missing.words {
                task.say(TaskState::Preparing, &missing.words, wall);
                self.own_tasks_changed();
            }
            return;
        }
        task.starts_at = None;
        self.running.waiting.remove(&id);
        self.task_changed(TaskChange {
            task: id,
            state: TaskState::Rejected,
            at: None,
            remark: String::new(),
            error: missing.words,
            pid: None,
            exit_code: None,
            container: String::new(),
            ports: Vec::new(),
        });
    }
}
