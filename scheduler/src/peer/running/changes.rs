//! What the runtimes say of this node's tasks, taken in: states, ends, and what can't run here.

use crate::{
    observed::Refusal,
    peer::{Effect, Peer, TaskChange},
    reconcile::{Outcome, SlotKey},
    task::{TaskId, TaskState},
};

impl Peer {
    /// A runtime says that a task changed.
    pub(in crate::peer) fn task_changed(&mut self, change: TaskChange) {
        let (now, wall) = (self.now.monotonic, self.now.wall);
        let Some(task) = self.running.local.get_mut(&change.task) else {
            // One that the runtime does not have either needs no removal.
            if change.state.is_terminal() && change.state != TaskState::Remove {
                self.effects.push_back(Effect::Remove(change.task));
            } else if change.state == TaskState::Running {
                self.stop_stray(change.task);
            }
            return;
        };
        if task.report.state.is_terminal() && change.state == TaskState::Running {
            return self.stop_stray(change.task);
        }
        let was_stopping = task.is_stopping();
        // It is gone though nobody asked: whatever it was, it does not run.
        let reported = match change.state {
            TaskState::Remove => TaskState::Failed,
            state => state,
        };
        let state = match reported {
            state if was_stopping && state.is_terminal() => TaskState::Shutdown,
            state => state,
        };
        let at = change.at.map_or(wall, |at| at.min(wall));
        let message = match (message_of(state), change.remark.as_str()) {
            (message, "") => message.to_owned(),
            (message, remark) => format!("{message}; {remark}"),
        };
        if !task.advance(state, &message, at) {
            return;
        }
        task.report.pid = change.pid.filter(|_| !state.is_terminal());
        task.report.exit_code = change.exit_code.or(task.report.exit_code);
        if !change.container.is_empty() {
            task.report.container.clone_from(&change.container);
        }
        if !change.ports.is_empty() {
            task.report.ports.clone_from(&change.ports);
        }
        if !was_stopping {
            task.report.error.clone_from(&change.error);
        }
        if state == TaskState::Running {
            task.running_since = Some(now);
            task.report.ran_at = Some(at);
        }
        if state.is_terminal() {
            task.report.desired = TaskState::Shutdown;
            let (slot, template) = (task.slot_key(), task.report.template);
            if !was_stopping {
                self.task_ended(slot, template, state, &change);
            }
        }
        self.own_tasks_changed();
        self.running.is_stale = true;
        self.view_is_stale = true;
    }

    /// A task runs that was given up: its start outlived the agent that ordered it. Its slot has, or
    /// gets, another one.
    fn stop_stray(&mut self, task: TaskId) {
        tracing::warn!(%task, "a task that was given up runs after all: stopping it");
        self.effects.push_back(Effect::Stop(task));
    }

    /// A task ended though nobody stopped it: the restart policy, or a refusal.
    fn task_ended(&mut self, slot: SlotKey, template: u64, state: TaskState, change: &TaskChange) {
        let now = self.now.monotonic;
        if state == TaskState::Rejected {
            let wait = self.running.ledger.refused(slot, template, now);
            let reason = change.error.clone();
            tracing::debug!(service = %slot.0, slot = %slot.1, %reason, "refuses a slot");
            let refusal = Refusal {
                service: slot.0,
                slot: slot.1,
                template,
                reason,
            };
            self.running
                .refusals
                .insert(slot, (refusal, now.saturating_add(wait)));
            self.refusals_changed();
            return;
        }
        let Some(spec) = self.running.specs.get(&change.task) else {
            return;
        };
        let outcome = if state == TaskState::Complete {
            Outcome::Completed
        } else {
            Outcome::Failed
        };
        let policy = spec.restart_policy();
        self.running
            .ledger
            .ended(slot, template, outcome, &policy, now);
        self.note_run(change.task);
    }

    pub(super) fn withdraw_refusals(&mut self) {
        let now = self.now.monotonic;
        let before = self.running.refusals.len();
        self.running.refusals.retain(|_, (_, until)| *until > now);
        if self.running.refusals.len() != before {
            tracing::debug!("a refusal is withdrawn");
            self.refusals_changed();
        }
    }

    pub(super) fn refusals_changed(&mut self) {
        self.publisher.refusals_changed();
        self.placing.input_is_stale = true;
    }

    pub(in crate::peer) fn own_refusals(&self) -> Vec<Refusal> {
        self.running
            .refusals
            .values()
            .map(|(refusal, _)| refusal.clone())
            .collect()
    }
}

fn message_of(state: TaskState) -> &'static str {
    match state {
        TaskState::Preparing => "preparing",
        TaskState::Starting => "starting",
        TaskState::Running => "started",
        TaskState::Complete => "finished",
        TaskState::Shutdown => "shutdown",
        TaskState::Rejected => "rejected",
        _ => "ended",
    }
}
