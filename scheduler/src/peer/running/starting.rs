//! Tasks of this node, made and handed to its runtimes.

use std::time::Duration;

use rand::RngExt;

use super::missing::Missing;
use crate::{
    job::Job,
    peer::{Effect, Peer, TaskStart},
    reconcile::{LocalTask, SlotKey},
    task::{TaskId, TaskReport, TaskState},
};

impl Peer {
    pub(super) fn create_task(&mut self, slot: SlotKey, at: Duration) {
        let Some(service) = self.catalog.services().get(&slot.0) else {
            return;
        };
        let behind = service
            .previous
            .as_ref()
            .filter(|_| self.slots_behind(&slot.0).contains(&slot.1));
        let (spec, template, update) = match behind {
            Some(previous) => (previous.spec.clone(), previous.template, 0),
            None => (service.spec.clone(), service.template, service.update),
        };
        let run = service.job.as_ref().map(|job| job.next(slot.1));
        let (template, run) = match run {
            None => (template, 0),
            Some(Some(run)) => (Job::template(template, run), run),
            Some(None) => return,
        };
        let waits = at > self.now.monotonic;
        let report = TaskReport {
            id: TaskId(u128::from_le_bytes(self.rng.random())),
            service: slot.0,
            service_name: spec.name.clone(),
            slot: slot.1,
            template,
            update,
            run,
            image: spec.container().image.clone(),
            desired: if waits {
                TaskState::Ready
            } else {
                TaskState::Running
            },
            state: if waits {
                TaskState::Ready
            } else {
                TaskState::Accepted
            },
            created_at: self.now.wall,
            state_at: self.now.wall,
            ran_at: None,
            message: if waits {
                "waits for its restart delay"
            } else {
                "accepted"
            }
            .into(),
            error: String::new(),
            pid: None,
            exit_code: None,
            container: String::new(),
            ports: Vec::new(),
            generic: Vec::new(),
        };
        self.record_home(&slot, &spec);
        let task = LocalTask {
            report,
            starts_at: Some(at),
            running_since: None,
        };
        self.running.specs.insert(task.report.id, spec);
        self.running.local.insert(task);
        self.own_tasks_changed();
        self.start_due_tasks();
    }

    pub(super) fn start_due_tasks(&mut self) {
        let (now, wall) = (self.now.monotonic, self.now.wall);
        let due: Vec<TaskId> = self
            .running
            .local
            .live()
            .filter(|task| task.starts_at.is_some_and(|at| at <= now) && !task.is_stopping())
            .map(|task| task.report.id)
            .collect();
        for id in due {
            let Some(spec) = self.running.specs.get(&id).cloned() else {
                continue;
            };
            let wanted = spec.task_template.resources.generic();
            let generic = match self.generic_for(&wanted) {
                Ok(generic) => generic,
                Err(kind) => {
                    self.make_room(&kind, wanted.get(&kind).copied().unwrap_or(0));
                    let words = format!("too few of {kind} are free on this node");
                    self.wait_for(id, Missing::here(words));
                    continue;
                }
            };
            let files = match self.files_of(&spec) {
                Ok(files) => files,
                Err(missing) => {
                    self.wait_for(id, missing);
                    continue;
                }
            };
            self.running.waiting.remove(&id);
            let Some(task) = self.running.local.get_mut(&id) else {
                continue;
            };
            task.starts_at = None;
            task.report.desired = TaskState::Running;
            task.report.generic = generic;
            task.advance(TaskState::Starting, "starting", wall);
            let start = TaskStart {
                report: task.report.clone(),
                spec,
                files,
            };
            self.effects.push_back(Effect::Start(Box::new(start)));
            self.own_tasks_changed();
        }
    }
}
