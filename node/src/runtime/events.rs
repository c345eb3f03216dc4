//! The channel from runtimes to the agent.
//!
//! It never blocks a runtime and holds at most one change a task: a newer one replaces an older
//! one that nobody read. As each change is a whole state, the latest is never lost.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use shoal_scheduler::task::TaskId;
use tokio::sync::Notify;

use super::Change;

/// How a task is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeEvent {
    /// Which task.
    pub task: TaskId,
    /// How it is.
    pub change: Change,
}

#[derive(Default)]
struct Queue {
    latest: BTreeMap<TaskId, Change>,
    /// Tasks of `latest`, longest waiting first.
    order: VecDeque<TaskId>,
    senders: usize,
    receiver_is_gone: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    news: Notify,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing under this lock can leave the queue half changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The runtimes' end.
pub struct Events(Arc<Shared>);

/// The agent's end.
pub struct EventReceiver(Arc<Shared>);

/// A new channel.
#[must_use]
pub fn events() -> (Events, EventReceiver) {
    let shared = Arc::new(Shared::default());
    shared.queue().senders = 1;
    (Events(shared.clone()), EventReceiver(shared))
}

impl Events {
    /// Reports a task's new state. Replaces the one before if that was not read yet.
    pub fn send(&self, task: TaskId, change: Change) {
        let mut queue = self.0.queue();
        if queue.receiver_is_gone {
            return;
        }
        if queue.latest.insert(task, change).is_none() {
            queue.order.push_back(task);
        }
        drop(queue);
        self.0.news.notify_one();
    }
}

impl Clone for Events {
    fn clone(&self) -> Self {
        self.0.queue().senders += 1;
        Self(self.0.clone())
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.0.queue().senders -= 1;
        self.0.news.notify_one();
    }
}

impl EventReceiver {
    /// The next change, the longest waiting task first. Nothing when every runtime is gone and all
    /// is read. May be cancelled at any point without loss.
    pub async fn next(&mut self) -> Option<RuntimeEvent> {
        loop {
            {
                let mut queue = self.0.queue();
                let task = queue.order.pop_front();
                if let Some(event) = task.and_then(|task| Some((task, queue.latest.remove(&task)?)))
                {
                    let (task, change) = event;
                    return Some(RuntimeEvent { task, change });
                }
                if queue.senders == 0 {
                    return None;
                }
            }
            self.0.news.notified().await;
        }
    }
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.receiver_is_gone = true;
        queue.latest.clear();
        queue.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(number: usize) -> Change {
        Change::Refused {
            reason: number.to_string(),
        }
    }

    #[tokio::test]
    async fn a_slow_reader_gets_the_latest_of_each_task_in_order() {
        let (events, mut receiver) = events();
        for number in 0..1_000 {
            events.send(TaskId(2), refused(number));
            events.send(TaskId(1), refused(number));
        }
        drop(events);
        for task in [TaskId(2), TaskId(1)] {
            let change = refused(999);
            assert_eq!(receiver.next().await, Some(RuntimeEvent { task, change }));
        }
        assert_eq!(receiver.next().await, None);
    }

    #[tokio::test]
    async fn a_waiting_reader_wakes_up() {
        let (events, mut receiver) = events();
        let reader = tokio::spawn(async move { receiver.next().await });
        tokio::task::yield_now().await;
        events.clone().send(TaskId(1), Change::Removed);
        let event = reader.await.unwrap().unwrap();
        assert_eq!(event.change, Change::Removed);
    }

    #[tokio::test]
    async fn without_a_reader_nothing_is_kept() {
        let (events, receiver) = events();
        events.send(TaskId(1), Change::Removed);
        drop(receiver);
        events.send(TaskId(2), Change::Removed);
        assert!(events.0.queue().latest.is_empty());
    }
}
