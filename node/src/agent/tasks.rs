//! Between the peer's words for tasks and the runtimes'.

use std::{net::IpAddr, sync::Arc, time::Duration};

use shoal_membership::NodeId;
use shoal_scheduler::{
    peer::{Adopted, TaskChange, TaskStart},
    task::{TaskId, TaskReport, TaskState},
};

use crate::{
    balancer,
    runtime::{self, Change, Launch, Live, LogOptions, LogStream, Runtime},
};

/// Longest remark on a task, in characters: every node keeps it.
const REMARK_MAX: usize = 500;

/// All runtimes of this node. A task goes to the first that takes it.
#[derive(Clone)]
pub(super) struct Runtimes {
    all: Arc<Vec<Box<dyn Runtime>>>,
}

impl Runtimes {
    pub(super) fn new(all: Vec<Box<dyn Runtime>>) -> Self {
        Self { all: Arc::new(all) }
    }

    /// The names of those that are there whether an engine is or not.
    pub(super) fn without_engine(&self) -> Vec<String> {
        let all = self.all.iter().map(|runtime| runtime.name());
        all.filter(|name| *name != "docker")
            .map(str::to_owned)
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

    /// Whose task it is. One that nobody knows is anybody's to report as removed.
    fn of(&self, task: TaskId) -> Option<&dyn Runtime> {
        let mut all = self.all.iter();
        let known = all.find(|runtime| runtime.knows(task));
        known.or_else(|| self.all.first()).map(AsRef::as_ref)
    }

    pub(super) fn stop(&self, task: TaskId) {
        if let Some(runtime) = self.of(task) {
            runtime.stop(task);
        }
    }

    pub(super) fn remove(&self, task: TaskId) {
        if let Some(runtime) = self.of(task) {
            runtime.remove(task);
        }
    }

    /// Where a task has its own network.
    fn address(&self, task: TaskId) -> Option<IpAddr> {
        let known = self.all.iter().find(|runtime| runtime.knows(task));
        known?.address(task)
    }

    pub(super) fn logs(&self, task: TaskId, options: LogOptions) -> Option<LogStream> {
        self.of(task).map(|runtime| runtime.logs(task, options))
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

impl balancer::Addresses for Runtimes {
    fn of(&self, task: TaskId) -> Option<IpAddr> {
        self.address(task)
    }
}

pub(super) fn adopted_task(found: runtime::Adopted, wall: Duration) -> Adopted {
    let runtime::Adopted { launch, change } = found;
    let state = change.state();
    let state_at = change.at().map_or(wall, |at| at.min(wall));
    let created_at = match launch.created_at {
        Duration::ZERO => state_at,
        created_at => created_at,
    };
    let change = task_change(launch.task, change);
    let report = TaskReport {
        id: launch.task,
        service: launch.service,
        service_name: launch.service_name.clone(),
        slot: launch.slot,
        template: launch.template,
        update: launch.update,
        run: launch.run,
        image: launch.spec.container().image.clone(),
        desired: if state.is_terminal() {
            TaskState::Shutdown
        } else {
            TaskState::Running
        },
        state,
        created_at,
        state_at,
        // The peer works it out.
        ran_at: None,
        message: match change.remark.as_str() {
            "" => "adopted".to_owned(),
            remark => format!("adopted; {remark}"),
        },
        error: change.error,
        pid: change.pid,
        exit_code: change.exit_code,
        container: change.container,
        ports: change.ports,
        generic: launch.generic,
    };
    Adopted {
        report,
        spec: launch.spec,
    }
}

/// What of its spec a task runs without. The rest of what is too long is in the agent's log.
fn remark(live: &Live) -> String {
    let text = live.warnings.join("; ");
    match text.char_indices().nth(REMARK_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// A runtime's change in the peer's words.
pub(super) fn task_change(task: TaskId, change: Change) -> TaskChange {
    let (state, at) = (change.state(), change.at());
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
        at,
        remark: live.as_ref().map(remark).unwrap_or_default(),
        error,
        pid: live.as_ref().map(|live| live.pid),
        exit_code,
        container: live
            .as_ref()
            .map(|live| live.container.clone())
            .unwrap_or_default(),
        ports: live.map(|live| live.ports).unwrap_or_default(),
    }
}

/// What a runtime needs to start a task.
pub(super) fn launch(
    start: TaskStart,
    node: NodeId,
    node_name: &str,
    neighbours: Vec<(String, String)>,
) -> Launch {
    Launch {
        task: start.report.id,
        service: start.report.service,
        service_name: start.report.service_name,
        slot: start.report.slot,
        node,
        node_name: node_name.to_owned(),
        neighbours,
        files: Default::default(),
        template: start.report.template,
        update: start.report.update,
        run: start.report.run,
        generic: start.report.generic,
        created_at: start.report.created_at,
        spec: start.spec,
    }
}

#[cfg(test)]
mod tests {
    use shoal_scheduler::task::{ServiceId, Slot};

    use super::*;

    const NOON: Duration = Duration::from_secs(43_200);
    const HOURS_AGO: Duration = Duration::from_secs(30_000);

    fn adopted(change: Change, created_at: Duration) -> TaskReport {
        let launch = Launch {
            task: TaskId(1),
            service: ServiceId(2),
            service_name: "web".into(),
            slot: Slot::Number(1),
            node: NodeId::from_bytes([3; 16]),
            node_name: "pi".into(),
            neighbours: Vec::new(),
            files: Default::default(),
            template: 4,
            update: 5,
            run: 0,
            generic: Vec::new(),
            created_at,
            spec: Arc::default(),
        };
        adopted_task(runtime::Adopted { launch, change }, NOON).report
    }

    fn running(since: Duration) -> Change {
        Change::Running(Live {
            since,
            ..Live::default()
        })
    }

    #[test]
    fn an_adopted_task_is_as_old_as_it_is() {
        let created = HOURS_AGO - Duration::from_secs(1);
        let report = adopted(running(HOURS_AGO), created);
        assert_eq!((report.created_at, report.state_at), (created, HOURS_AGO));
        let exited = Change::Exited {
            code: 1,
            error: String::new(),
            stopped: false,
            at: HOURS_AGO,
        };
        assert_eq!(adopted(exited, created).state_at, HOURS_AGO);
        // What nobody wrote down is no older than what is known.
        assert_eq!(
            adopted(running(HOURS_AGO), Duration::ZERO).created_at,
            HOURS_AGO
        );
        assert_eq!(adopted(Change::Preparing, created).state_at, NOON);
        // Its clock was set back since.
        assert_eq!(adopted(running(NOON * 2), created).state_at, NOON);
    }

    #[test]
    fn what_a_task_runs_without_is_told_with_its_state() {
        let live = |warnings: &[&str]| Live {
            warnings: warnings.iter().map(ToString::to_string).collect(),
            ..Live::default()
        };
        assert_eq!(remark(&live(&[])), "");
        assert_eq!(remark(&live(&["no a", "no b"])), "no a; no b");
        let long = "\u{e4}".repeat(REMARK_MAX + 1);
        let told = remark(&live(&[&long]));
        assert_eq!(told, format!("{}...", "\u{e4}".repeat(REMARK_MAX)));
        let change = Change::Running(live(&["no a"]));
        assert_eq!(adopted(change.clone(), NOON).message, "adopted; no a");
        assert_eq!(task_change(TaskId(1), change).remark, "no a");
    }

    #[test]
    fn a_change_that_is_told_late_says_when_it_was() {
        assert_eq!(
            task_change(TaskId(1), running(HOURS_AGO)).at,
            Some(HOURS_AGO)
        );
        assert_eq!(task_change(TaskId(1), Change::Removed).at, None);
    }
}
