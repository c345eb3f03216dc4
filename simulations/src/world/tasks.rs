//! What becomes of tasks: they are started, run, fail, and stop.

use std::time::Duration;

use shoal_scheduler::{
    peer::{Input, TaskChange, TaskStart},
    task::{TaskId, TaskState},
};

use super::World;
use crate::{
    SimTask,
    event::What,
    runtime::{Course, between},
};

impl World {
    pub(super) fn start_task(&mut self, index: usize, start: TaskStart) {
        let id = start.report.id;
        let machine = &mut self.machines[index];
        let image = start.spec.container().image.clone();
        let command = start
            .spec
            .container()
            .command
            .first()
            .cloned()
            .unwrap_or_default();
        let needs_pull = self.runtime.pull.end() > &Duration::ZERO && machine.images.insert(image);
        let course = self.runtime.course(&command, needs_pull, &mut machine.rng);
        let task = SimTask {
            report: start.report,
            spec: start.spec,
            is_running: false,
            is_over: false,
        };
        machine.tasks.insert(id, task);
        let mut then = |delay, state| self.schedule(delay, index, What::Runtime(id, state));
        match course {
            Course::Runs(delay) => then(delay, TaskState::Running),
            Course::Rejected(delay) => then(delay, TaskState::Rejected),
            Course::Ends(runs, ends) => {
                then(runs, TaskState::Running);
                then(ends, TaskState::Complete);
            }
            Course::Fails(runs, fails) => {
                then(runs, TaskState::Running);
                then(fails, TaskState::Failed);
            }
        }
    }

    pub(super) fn stop_task(&mut self, index: usize, id: TaskId) {
        let machine = &mut self.machines[index];
        let Some(task) = machine.tasks.get_mut(&id) else {
            return;
        };
        task.is_over = true;
        let delay = between(&self.runtime.stop, &mut machine.rng);
        self.schedule(delay, index, What::Runtime(id, TaskState::Complete));
    }

    pub(super) fn task_changes(&mut self, index: usize, id: TaskId, state: TaskState) {
        let Some(task) = self.machines[index].tasks.get_mut(&id) else {
            return;
        };
        let is_late = match state {
            TaskState::Complete => false,
            _ => task.is_over,
        };
        if is_late {
            return;
        }
        match state {
            TaskState::Failed => self.end_task(index, id, state, "task: non-zero exit (1)"),
            TaskState::Rejected => self.end_task(index, id, state, "No such image"),
            _ => {
                task.is_running = state == TaskState::Running;
                task.is_over |= state == TaskState::Complete;
                let exit_code = (state == TaskState::Complete).then_some(0);
                self.report(index, id, state, "", exit_code);
            }
        }
    }

    /// A task ends by itself, with this exit status.
    pub fn end_task(&mut self, index: usize, id: TaskId, state: TaskState, error: &str) {
        if let Some(task) = self.machines[index].tasks.get_mut(&id) {
            (task.is_running, task.is_over) = (false, true);
        }
        self.report(index, id, state, error, None);
    }

    fn report(
        &mut self,
        index: usize,
        task: TaskId,
        state: TaskState,
        error: &str,
        exit_code: Option<i32>,
    ) {
        let change = TaskChange {
            task,
            state,
            at: None,
            remark: String::new(),
            error: error.into(),
            pid: Some(1),
            exit_code,
            container: String::new(),
            ports: Vec::new(),
        };
        self.input(index, Input::Task(change));
    }
}
