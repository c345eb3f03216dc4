//! The events of late, and those to come.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use shoal_scheduler::view::ClusterView;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::difference::{Event, between};

/// So many are kept for who asks for the past: as many as Docker keeps.
const KEPT: usize = 256;
/// So many wait for a reader that is slow; then it misses the oldest.
const WAITING: usize = 1_024;
/// What was made so long before this agent started is news, if it hears of it now: clocks differ.
const BEFORE_START: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Inner {
    kept: Mutex<VecDeque<Arc<Event>>>,
    coming: broadcast::Sender<Arc<Event>>,
}

/// All of them. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct History(Arc<Inner>);

impl History {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            kept: Mutex::default(),
            coming: broadcast::channel(WAITING).0,
        }))
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Event>>> {
        // Nothing under this lock can leave it half changed.
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are kept, and all that come after them.
    pub(super) fn follow(&self) -> (Vec<Arc<Event>>, broadcast::Receiver<Arc<Event>>) {
        let kept = self.kept();
        (kept.iter().cloned().collect(), self.0.coming.subscribe())
    }

    fn add(&self, event: Event) {
        let event = Arc::new(event);
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(event.clone());
        // An error: nobody reads.
        let _ = self.0.coming.send(event);
    }

    /// Writes down what happens, until `end`. To be called within a tokio runtime.
    pub(crate) fn start(self, view: watch::Receiver<Arc<ClusterView>>, end: CancellationToken) {
        tokio::spawn(end.run_until_cancelled_owned(self.write(view)));
    }

    /// The same, as long as anything happens.
    pub(crate) async fn write(self, mut view: watch::Receiver<Arc<ClusterView>>) {
        let since = now().saturating_sub(BEFORE_START);
        let mut before = view.borrow_and_update().clone();
        while view.changed().await.is_ok() {
            let after = view.borrow_and_update().clone();
            for event in between(&before, &after, since, now()) {
                self.add(event);
            }
            before = after;
        }
    }
}

/// Wall time since 1970.
pub(super) fn now() -> Duration {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balancer::samples;

    #[tokio::test]
    async fn who_comes_late_hears_of_the_last_ones_and_then_of_all() {
        let history = History::new();
        let made = |id: u128| {
            let service = shoal_scheduler::view::ServiceView {
                created_at: now(),
                ..samples::service(id, &format!(r#"{{"Name":"s{id}"}}"#))
            };
            Arc::new(samples::view("n", &[service]))
        };
        let (views, view) = watch::channel(Arc::new(samples::view("n", &[])));
        let writing = tokio::spawn(history.clone().write(view));
        let (none, mut coming) = history.follow();
        assert!(none.is_empty());
        // It has looked at the first view.
        tokio::task::yield_now().await;
        views.send_replace(made(1));
        assert_eq!(coming.recv().await.unwrap().action, "create");
        for id in 0..300_u128 {
            views.send_replace(made(2 + id % 2));
            // One goes, and one comes.
            coming.recv().await.unwrap();
            coming.recv().await.unwrap();
        }
        let (kept, _) = history.follow();
        assert_eq!(kept.len(), KEPT);
        drop(views);
        writing.await.unwrap();
    }
}
