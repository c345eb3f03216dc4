//! The tasks that may be behind a port, best first.

use shoal_membership::NodeId;
use shoal_scheduler::{
    task::{ServiceId, TaskId, TaskState},
    view::ClusterView,
};

use super::{Shared, loads::Loads};

/// A task that can take a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Backend {
    pub(super) task: TaskId,
    pub(super) node: NodeId,
}

/// Tasks of a service that run, are healthy, and are not asked to stop. Those that failed a moment ago
/// come last; before that the one with the fewest connections from here, and of equal ones the near one.
pub(super) fn of(view: &ClusterView, loads: &Loads, service: ServiceId) -> Vec<Backend> {
    let tasks = view.tasks.values().filter(|task| {
        let report = &task.report;
        report.service == service
            && report.state == TaskState::Running
            && report.desired == TaskState::Running
            && (task.node == view.this_node || Shared::answers(view, task.node))
    });
    let mut backends: Vec<_> = tasks
        .map(|task| Backend {
            task: task.report.id,
            node: task.node,
        })
        .collect();
    sort(&mut backends, view.this_node, loads);
    backends
}

fn sort(backends: &mut [Backend], me: NodeId, loads: &Loads) {
    backends.sort_by_cached_key(|backend| {
        let (has_failed, connections) = loads.of(backend.task);
        let turn = loads.turn(backend.task);
        (has_failed, connections, backend.node != me, turn)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_least_busy_is_first_then_the_near_one_and_the_failed_last() {
        let (me, other) = (NodeId::from_bytes([1; 16]), NodeId::from_bytes([2; 16]));
        let backend = |task: u128, node| Backend {
            task: TaskId(task),
            node,
        };
        let mut backends = [backend(1, other), backend(2, other), backend(3, me)];
        let mut order = |loads: &Loads| {
            sort(&mut backends, me, loads);
            backends.clone().map(|backend| backend.task.0)
        };
        let loads = Loads::default();
        assert_eq!(order(&loads)[0], 3, "the near one");
        let _busy = loads.count(TaskId(3));
        assert_eq!(order(&loads)[2], 3, "which has a connection now");
        loads.failed(TaskId(1));
        assert_eq!(order(&loads), [2, 3, 1]);
        // Of equal ones the one that was not chosen last.
        drop(loads.count(TaskId(2)));
        loads.failed(TaskId(3));
        assert_eq!(order(&loads), [2, 1, 3]);
    }
}
