//! How many connections each task has from here, and which of them failed of late.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shoal_scheduler::task::TaskId;
use tokio::time::Instant;

/// A task that could not be reached is tried last for so long.
const FAILED_FOR: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Load {
    connections: usize,
    failed_at: Option<Instant>,
    /// When it was last chosen: of equal ones the one that waited longest is next.
    turn: u64,
}

#[derive(Debug, Default)]
struct Held {
    by_task: BTreeMap<TaskId, Load>,
    turns: u64,
}

/// The loads of all tasks that have one. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Loads(Arc<Mutex<Held>>);

/// A connection of a task. It counts until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    loads: Loads,
    task: TaskId,
}

impl Loads {
    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing under this lock can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it failed of late, and how many connections it has.
    pub(super) fn of(&self, task: TaskId) -> (bool, usize) {
        let held = self.held();
        let load = held.by_task.get(&task);
        let failed = load.and_then(|load| load.failed_at);
        let has_failed = failed.is_some_and(|at| at.elapsed() < FAILED_FOR);
        (has_failed, load.map_or(0, |load| load.connections))
    }

    /// When it was last chosen.
    pub(super) fn turn(&self, task: TaskId) -> u64 {
        let held = self.held();
        held.by_task.get(&task).map_or(0, |load| load.turn)
    }

    /// One more connection.
    pub(super) fn count(&self, task: TaskId) -> Counted {
        let mut held = self.held();
        held.turns += 1;
        let turn = held.turns;
        let load = held.by_task.entry(task).or_default();
        load.connections += 1;
        load.turn = turn;
        drop(held);
        Counted {
            loads: self.clone(),
            task,
        }
    }

    /// It could not be reached.
    pub(super) fn failed(&self, task: TaskId) {
        let mut held = self.held();
        held.by_task.entry(task).or_default().failed_at = Some(Instant::now());
    }

    /// Forgets tasks that are no more.
    pub(super) fn keep(&self, is_there: impl Fn(TaskId) -> bool) {
        let mut held = self.held();
        held.by_task
            .retain(|task, load| load.connections > 0 || is_there(*task));
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut held = self.loads.held();
        if let Some(load) = held.by_task.get_mut(&self.task) {
            load.connections = load.connections.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_count_while_they_last_and_failures_for_a_while() {
        let loads = Loads::default();
        let (one, two) = (TaskId(1), TaskId(2));
        let first = loads.count(one);
        let second = loads.count(one);
        assert_eq!(loads.of(one), (false, 2));
        assert!(loads.turn(one) > loads.turn(two));
        loads.failed(two);
        assert_eq!(loads.of(two), (true, 0));
        drop(first);
        loads.keep(|_| false);
        assert_eq!(loads.of(one), (false, 1), "what has a connection is kept");
        assert_eq!(loads.of(two), (false, 0), "and nothing else");
        drop(second);
        assert_eq!(loads.of(one), (false, 0));
    }
}
