//! The tasks that may be behind a port, best first.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use shoal_membership::NodeId;
use shoal_scheduler::{
    task::{ServiceId, TaskId, TaskState},
    view::{ClusterView, NodeStatus, TaskView},
};

use super::{Shared, loads::Loads, published::Front};

/// A task that can take a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Backend {
    pub(super) task: TaskId,
    pub(super) node: NodeId,
}

/// Whether a task takes connections: it runs, is healthy, and is not asked to stop.
pub(super) fn takes_connections(task: &TaskView) -> bool {
    task.report.state == TaskState::Running && task.report.desired == TaskState::Running
}

/// Tasks of each service that take connections, on nodes that answer.
type ByService = BTreeMap<ServiceId, Vec<Backend>>;

/// Found once for each view: there are far more connections than changes.
#[derive(Default)]
pub(super) struct Directory(Mutex<Option<(Weak<ClusterView>, Arc<ByService>)>>);

impl Directory {
    fn of(&self, view: &Arc<ClusterView>) -> Arc<ByService> {
        // Nothing under this lock can leave it half changed.
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, known)) = held.as_ref()
            && std::ptr::eq(of.as_ptr(), Arc::as_ptr(view))
        {
            return known.clone();
        }
        let known = Arc::new(by_service(view));
        *held = Some((Arc::downgrade(view), known.clone()));
        known
    }
}

fn by_service(view: &ClusterView) -> ByService {
    let answers = |node: NodeId| {
        let known = view.nodes.get(&node);
        node == view.this_node || known.is_some_and(|known| known.status == NodeStatus::Ready)
    };
    let mut all = ByService::new();
    for task in view.tasks.values() {
        if takes_connections(task) && answers(task.node) {
            all.entry(task.report.service).or_default().push(Backend {
                task: task.report.id,
                node: task.node,
            });
        }
    }
    all
}

impl Shared {
    /// Whether a service has a task that takes connections.
    pub(super) fn has_any(&self, view: &Arc<ClusterView>, service: ServiceId) -> bool {
        self.directory.of(view).contains_key(&service)
    }

    /// The task of a service that is tried next, those apart that were tried already: what failed a moment ago
    /// last; before that the one with the fewest connections from here, and of equal ones the near one.
    pub(super) fn next(&self, loads: &Loads, front: &Front, tried: &[Backend]) -> Option<Backend> {
        let known = self.directory.of(&self.view.borrow());
        let backends = known.get(&front.service).into_iter().flatten();
        let may = |backend: &&Backend| {
            front.task.is_none_or(|only| backend.task == only) && !tried.contains(backend)
        };
        best(backends.filter(may).cloned(), self.me, loads)
    }
}

fn best(backends: impl Iterator<Item = Backend>, me: NodeId, loads: &Loads) -> Option<Backend> {
    let ranked = backends.filter_map(|backend| Some((loads.rank(&backend, me)?, backend)));
    ranked
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, backend)| backend)
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn tasks_are_found_anew_when_the_view_has_changed() {
        let directory = Directory::default();
        let views = [(); 2].map(|()| Arc::new(samples::view("n", &[])));
        let first = directory.of(&views[0]);
        assert!(Arc::ptr_eq(&first, &directory.of(&views[0])));
        assert!(!Arc::ptr_eq(&first, &directory.of(&views[1])));
    }

    #[tokio::test]
    async fn the_least_busy_is_first_then_the_near_one_and_the_failed_last() {
        let (me, other) = (NodeId::from_bytes([1; 16]), NodeId::from_bytes([2; 16]));
        let backends = [(1, other), (2, other), (3, me)].map(|(task, node)| Backend {
            task: TaskId(task),
            node,
        });
        let loads = Loads::of(8);
        let best = |all: &[Backend]| best(all.iter().cloned(), me, &loads).unwrap().task.0;
        assert_eq!(best(&backends), 3, "the near one");
        let _busy = loads.count(&backends[2]);
        assert_ne!(best(&backends), 3, "which has a connection now");
        loads.task_failed(TaskId(1));
        assert_eq!(best(&backends), 2);
        loads.node_failed(other);
        assert_eq!(best(&backends), 3, "all of that node are in doubt");
        // Of equal ones the one that was not chosen last.
        drop(loads.count(&backends[1]));
        loads.task_failed(TaskId(2));
        assert_eq!(best(&backends[..2]), 1);
    }
}
