//! Between the peer's words for tasks and the runtimes'.

use std::{sync::Arc, time::Duration};

use shoal_membership::NodeId;
use shoal_scheduler::{
    peer::{Adopted, TaskChange, TaskStart},
    task::{TaskId, TaskReport, TaskState},
};

use crate::runtime::{self, Change, Launch, LogOptions, LogStream, Runtime};

/// All runtimes of this node. A task goes to the first that takes it.
#[derive(Clone)]
pub(super) struct Runtimes {
    all: Arc<Vec<Box<dyn Runtime>>>,
}

impl Runtimes {
    pub(super) fn new(all: Vec<Box<dyn Runtime>>) -> Self {
        Self { all: Arc::new(all) }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.all
            .iter()
            .map(|runtime| runtime.name().to_owned())
            .collect()
    }

    pub(super) fn start(&self, launch: Launch) {
        let taker = self
            .all
            .iter()
            .find(|runtime| runtime.takes(launch.spec.container()));
        // Whoever is asked to run what it does not take refuses it with the reason.
        if let Some(runtime) = taker.or_else(|| self.all.first()) {
            runtime.start(launch);
        }
    }

    pub(super) fn stop(&self, task: TaskId) {
        for runtime in self.all.iter() {
            runtime.stop(task);
        }
    }

    pub(super) fn remove(&self, task: TaskId) {
        for runtime in self.all.iter() {
            runtime.remove(task);
        }
    }

    pub(super) fn logs(&self, task: TaskId, options: LogOptions) -> Option<LogStream> {
        self.all.first().map(|runtime| runtime.logs(task, options))
    }

    /// Everything that earlier runs of the agent left, running or ended.
    pub(super) async fn adopt(&self, wall: Duration) -> Vec<Adopted> {
        let mut adopted = Vec::new();
        for runtime in self.all.iter() {
            let found = runtime.adopt().await.into_iter();
            adopted.extend(found.map(|one| adopted_task(one, wall)));
        }
        adopted
    }
}

fn adopted_task(found: runtime::Adopted, wall: Duration) -> Adopted {
    let runtime::Adopted { launch, change } = found;
    let state = change.state();
    let state_at = match change {
        Change::Exited { at, .. } => at,
        _ => wall,
    };
    let change = task_change(launch.task, change);
    let report = TaskReport {
        id: launch.task,
        service: launch.service,
        service_name: launch.service_name.clone(),
        slot: launch.slot,
        template: launch.template,
        image: launch.spec.container().image.clone(),
        desired: if state.is_terminal() {
            TaskState::Shutdown
        } else {
            TaskState::Running
        },
        state,
        created_at: state_at,
        state_at,
        message: "adopted".to_owned(),
        error: change.error,
        pid: change.pid,
        exit_code: change.exit_code,
        container: change.container,
        ports: change.ports,
    };
    Adopted {
        report,
        spec: launch.spec,
    }
}

/// A runtime's change in the peer's words.
pub(super) fn task_change(task: TaskId, change: Change) -> TaskChange {
    let state = change.state();
    let live = change.live().cloned();
    let (error, exit_code) = match change {
        Change::Exited { code, error, .. } => (error, Some(code)),
        Change::Refused { reason } => (reason, None),
        Change::Removed => ("the task is gone from this node".to_owned(), None),
        _ => (String::new(), None),
    };
    TaskChange {
        task,
        state,
        error,
        pid: live.as_ref().map(|live| live.pid),
        exit_code,
        container: task.to_string(),
        ports: live.map(|live| live.ports).unwrap_or_default(),
    }
}

/// What a runtime needs to start a task.
pub(super) fn launch(start: TaskStart, node: NodeId, node_name: &str) -> Launch {
    Launch {
        task: start.report.id,
        service: start.report.service,
        service_name: start.report.service_name,
        slot: start.report.slot,
        node,
        node_name: node_name.to_owned(),
        template: start.report.template,
        spec: start.spec,
    }
}
