//! How many connections each task and each other node has from here, and which of them failed of late.

use std::{
    collections::BTreeMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shoal_membership::NodeId;
use shoal_scheduler::task::TaskId;
use tokio::time::Instant;

use super::backends::Backend;

/// What could not be reached is tried last for so long, and twice as long each further time: who just
/// started will listen in a moment, who is dead will not.
const FAILED_FOR_MIN: Duration = Duration::from_millis(250);
const FAILED_FOR_MAX: Duration = Duration::from_secs(8);

/// Suspicions are mostly over by then: refuted, or confirmed, and then its tasks are not tried at all.
const SUSPECTED_FOR: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Load {
    connections: usize,
    failed_at: Option<Instant>,
    suspected_at: Option<Instant>,
    /// How often in a row.
    failures: u32,
    /// When it was last chosen: of equal ones the one that waited longest is next.
    turn: u64,
}

impl Load {
    fn has_failed(&self) -> bool {
        let times = 1_u32 << self.failures.saturating_sub(1).min(16);
        let failed_for = (FAILED_FOR_MIN * times).min(FAILED_FOR_MAX);
        self.failed_at.is_some_and(|at| at.elapsed() < failed_for) || self.is_suspected()
    }

    fn is_suspected(&self) -> bool {
        self.suspected_at
            .is_some_and(|at| at.elapsed() < SUSPECTED_FOR)
    }

    fn failed(&mut self) {
        self.failed_at = Some(Instant::now());
        self.failures = self.failures.saturating_add(1);
    }

    fn reached(&mut self) {
        (self.failed_at, self.failures) = (None, 0);
        self.suspected_at = None;
    }
}

#[derive(Debug, Default)]
struct Held {
    tasks: BTreeMap<TaskId, Load>,
    nodes: BTreeMap<NodeId, Load>,
    turns: u64,
}

/// The loads of all tasks and nodes that have one. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Loads {
    held: Arc<Mutex<Held>>,
    of_node_max: usize,
}

/// A connection of a task. It counts until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    loads: Loads,
    backend: Backend,
}

/// How good a choice a task is: the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Rank {
    has_failed: bool,
    connections: usize,
    is_far: bool,
    turn: u64,
}

impl Loads {
    /// With so many connections to one other node at most.
    pub(super) fn of(of_node_max: usize) -> Self {
        Self {
            held: Arc::default(),
            of_node_max,
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing under this lock can leave it half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What speaks for and against a task, seen from this node. None: its node has all the connections
    /// that it may have from here.
    pub(super) fn rank(&self, backend: &Backend, me: NodeId) -> Option<Rank> {
        let held = self.held();
        let (task, node) = (held.tasks.get(&backend.task), held.nodes.get(&backend.node));
        let is_far = backend.node != me;
        if is_far && node.is_some_and(|node| node.connections >= self.of_node_max) {
            return None;
        }
        let both = [task, node];
        Some(Rank {
            has_failed: both.into_iter().flatten().any(Load::has_failed),
            connections: task.map_or(0, |task| task.connections),
            is_far,
            turn: task.map_or(0, |task| task.turn),
        })
    }

    /// Whether a node may have one more connection from here.
    pub(super) fn has_room(&self, node: NodeId) -> bool {
        let held = self.held();
        let load = held.nodes.get(&node);
        load.is_none_or(|load| load.connections < self.of_node_max)
    }

    /// One more connection.
    pub(super) fn count(&self, backend: &Backend) -> Counted {
        let mut held = self.held();
        held.turns += 1;
        let turn = held.turns;
        let task = held.tasks.entry(backend.task).or_default();
        task.connections += 1;
        task.turn = turn;
        held.nodes.entry(backend.node).or_default().connections += 1;
        drop(held);
        Counted {
            loads: self.clone(),
            backend: backend.clone(),
        }
    }

    /// It could not be reached; of its node that is not known.
    pub(super) fn task_failed(&self, task: TaskId) {
        self.held().tasks.entry(task).or_default().failed();
    }

    /// Its node could not be reached.
    pub(super) fn node_failed(&self, node: NodeId) {
        self.held().nodes.entry(node).or_default().failed();
    }

    /// Its node is suspected by its peers.
    pub(super) fn suspect(&self, node: NodeId) {
        let mut held = self.held();
        held.nodes.entry(node).or_default().suspected_at = Some(Instant::now());
    }

    /// It took a connection.
    pub(super) fn reached(&self, backend: &Backend) {
        let mut held = self.held();
        if let Some(task) = held.tasks.get_mut(&backend.task) {
            task.reached();
        }
        if let Some(node) = held.nodes.get_mut(&backend.node) {
            node.reached();
        }
    }

    /// Forgets tasks and nodes that are no more.
    pub(super) fn keep(
        &self,
        has_task: impl Fn(TaskId) -> bool,
        has_node: impl Fn(NodeId) -> bool,
    ) {
        let mut held = self.held();
        held.tasks
            .retain(|task, load| load.connections > 0 || has_task(*task));
        held.nodes
            .retain(|node, load| load.connections > 0 || has_node(*node));
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut held = self.loads.held();
        if let Some(task) = held.tasks.get_mut(&self.backend.task) {
            task.connections = task.connections.saturating_sub(1);
        }
        if let Some(node) = held.nodes.get_mut(&self.backend.node) {
            node.connections = node.connections.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: NodeId = NodeId::from_bytes([1; 16]);
    const OTHER: NodeId = NodeId::from_bytes([2; 16]);

    fn backend(task: u128, node: NodeId) -> Backend {
        Backend {
            task: TaskId(task),
            node,
        }
    }

    #[tokio::test]
    async fn connections_count_while_they_last_and_failures_for_a_while() {
        let loads = Loads::of(8);
        let (one, two) = (backend(1, ME), backend(2, OTHER));
        let rank = |backend: &Backend| loads.rank(backend, ME).unwrap();
        let first = loads.count(&one);
        let second = loads.count(&one);
        assert_eq!((rank(&one).connections, rank(&one).has_failed), (2, false));
        loads.task_failed(two.task);
        assert!(rank(&two).has_failed);
        assert!(!rank(&backend(3, OTHER)).has_failed);
        loads.node_failed(OTHER);
        assert!(rank(&backend(3, OTHER)).has_failed, "all of its node");
        loads.reached(&two);
        assert!(!rank(&backend(3, OTHER)).has_failed);
        loads.suspect(OTHER);
        assert!(rank(&backend(3, OTHER)).has_failed, "its peers doubt it");
        let third = loads.count(&two);
        loads.reached(&two);
        assert!(!rank(&two).has_failed);
        loads.task_failed(two.task);
        drop((first, third));
        loads.keep(|_| false, |_| false);
        assert_eq!(rank(&one).connections, 1, "what has a connection is kept");
        assert!(!rank(&two).has_failed, "and nothing else");
        drop(second);
        assert_eq!(rank(&one).connections, 0);
    }

    #[tokio::test]
    async fn one_node_gets_no_more_than_it_can_take() {
        let loads = Loads::of(8);
        let far = backend(1, OTHER);
        let counted: Vec<_> = (0..8).map(|_| loads.count(&far)).collect();
        assert_eq!(loads.rank(&far, ME), None);
        assert!(loads.rank(&far, OTHER).is_some(), "its own tasks are near");
        drop(counted);
        assert!(loads.rank(&far, ME).is_some());
    }
}
