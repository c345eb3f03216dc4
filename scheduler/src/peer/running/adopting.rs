//! Tasks that outlived the agent, taken over: at its start, or when their engine is there at last.

use std::{sync::Arc, time::Duration};

use crate::{
    peer::{Adopted, Peer},
    reconcile::{LocalTask, Outcome},
    spec::ServiceSpec,
    task::{TaskReport, TaskState},
};

impl Peer {
    /// Takes over a task that outlived the agent, or died with its machine.
    pub(in crate::peer) fn adopt(&mut self, mut report: TaskReport, spec: Arc<ServiceSpec>) {
        let now = self.now.monotonic;
        let slot = (report.service, report.slot);
        let outcome = match report.state {
            TaskState::Complete => Some(Outcome::Completed),
            TaskState::Failed => Some(Outcome::Failed),
            _ => None,
        };
        if let Some(outcome) = outcome {
            let mut policy = spec.restart_policy();
            policy.delay = Some(Duration::ZERO);
            // An end from before the policy's window has no say in it any more.
            let age = self.now.wall.saturating_sub(report.state_at);
            let window = policy.window.filter(|window| !window.is_zero());
            if window.is_none_or(|window| age < window) {
                let ledger = &mut self.running.ledger;
                ledger.ended(slot, report.template, outcome, &policy, now);
            }
        }
        // Nobody saw when it came to run. One that ended later than a failing one would is no failure of an update: it
        // died with its machine, more likely.
        if report.state == TaskState::Running {
            report.ran_at = report.ran_at.or(Some(report.state_at));
        } else if outcome.is_some() {
            report.ran_at = report.ran_at.or(Some(report.created_at));
        }
        let id = report.id;
        tracing::debug!(task = %id, state = ?report.state, "adopts a task");
        let running_since = (report.state == TaskState::Running).then_some(now);
        self.running.specs.insert(report.id, spec);
        self.running.local.insert(LocalTask {
            report,
            starts_at: None,
            running_since,
        });
        self.own_tasks_changed();
        self.note_run(id);
    }

    /// Takes over a task that was found only now. One that is known already is as it is.
    pub(in crate::peer) fn adopt_late(&mut self, found: Adopted) {
        if self.running.local.get(&found.report.id).is_none() {
            self.adopt(found.report, found.spec);
            self.running.is_stale = true;
        }
    }
}
