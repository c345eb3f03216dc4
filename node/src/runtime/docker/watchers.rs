//! What the watchers of one engine's containers share, and how they are told what to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use shoal_membership::NodeId;
use shoal_scheduler::task::{NetworkId, TaskId};
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore, watch},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    CredentialSource, EngineFacts, NetworkSource, config,
    engine::Engine,
    images::Images,
    monitor::Patience,
    networks::Networks,
    watcher::{Found, Watched, Watcher, Wish},
};
use crate::runtime::{Change, Events, Launch};

/// A task that has a watcher.
pub(super) struct Task {
    pub(super) watched: Watched,
    pub(super) container: Option<String>,
    pub(super) address: Option<IpAddr>,
    pub(super) networks: Vec<NetworkId>,
}

/// What all watchers share.
pub(super) struct Shared {
    pub(super) engine: Arc<Engine>,
    pub(super) owner: String,
    pub(super) is_expected: bool,
    pub(super) patience: Patience,
    pub(super) node: NodeId,
    pub(super) credentials: Arc<dyn CredentialSource>,
    pub(super) source: Arc<dyn NetworkSource>,
    pub(super) networks: Networks,
    /// A network may be needed no more.
    pub(super) unused: Notify,
    pub(super) events: Events,
    pub(super) images: Images,
    pub(super) starts: Semaphore,
    pub(super) tasks: Mutex<BTreeMap<TaskId, Task>>,
    pub(super) facts: watch::Sender<EngineFacts>,
    pub(super) watchers: TaskTracker,
    pub(super) end: CancellationToken,
    pub(super) handle: Handle,
}

impl Shared {
    pub(super) fn tasks(&self) -> MutexGuard<'_, BTreeMap<TaskId, Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn facts(&self) -> EngineFacts {
        self.facts.borrow().clone()
    }

    pub(super) fn knows(&self, task: TaskId) -> bool {
        self.tasks().contains_key(&task)
    }

    pub(super) fn forget(&self, task: TaskId) {
        self.tasks().remove(&task);
        self.networks.attached(task, None);
        self.unused.notify_one();
    }

    /// The networks that tasks of this machine are on, or will be.
    pub(super) fn needed(&self) -> BTreeSet<NetworkId> {
        let on = self.networks.watch().borrow().tasks.clone();
        let on = on.into_values().flat_map(BTreeMap::into_keys);
        let tasks = self.tasks();
        let planned = tasks
            .values()
            .flat_map(|task| task.networks.iter().copied());
        planned.chain(on).collect()
    }

    pub(super) fn set_networks(&self, task: TaskId, networks: Vec<NetworkId>) {
        if let Some(known) = self.tasks().get_mut(&task) {
            known.networks = networks;
        }
    }

    pub(super) fn container_of(&self, task: TaskId) -> Option<String> {
        self.tasks().get(&task)?.container.clone()
    }

    pub(super) fn set_container(&self, task: TaskId, container: &str) {
        if let Some(known) = self.tasks().get_mut(&task) {
            known.container = Some(container.to_owned());
        }
    }

    pub(super) fn set_address(&self, task: TaskId, address: Option<IpAddr>) {
        if let Some(known) = self.tasks().get_mut(&task) {
            known.address = address;
        }
    }

    /// Starts a watcher, unless the task has one.
    pub(super) fn watch(
        self: &Arc<Self>,
        launch: Launch,
        found: Option<Found>,
        told: Option<Change>,
    ) {
        let (wish, wishes) = watch::channel(Wish::Run);
        let look = Arc::new(Notify::new());
        let watched = Watched {
            wish,
            look: look.clone(),
        };
        let container = found.as_ref().map(|found| found.container.clone());
        let mut tasks = self.tasks();
        if tasks.contains_key(&launch.task) {
            tracing::debug!(task = %launch.task, "is known already");
            return;
        }
        let task = Task {
            watched,
            container,
            address: None,
            networks: Vec::new(),
        };
        tasks.insert(launch.task, task);
        drop(tasks);
        let healthy_since = match &told {
            Some(Change::Running(live)) => Some(live.since),
            _ => None,
        };
        let warnings = config::warnings(&launch.spec);
        let watcher = Watcher {
            shared: self.clone(),
            launch,
            wishes,
            look,
            warnings,
            told,
            healthy_since,
        };
        let end = self.end.clone();
        self.watchers.spawn_on(
            async move {
                end.run_until_cancelled(watcher.run(found)).await;
            },
            &self.handle,
        );
    }

    /// Something happened to a task's container, or to all of them.
    pub(super) fn look(&self, task: Option<TaskId>) {
        let tasks = self.tasks();
        match task {
            Some(task) => {
                if let Some(known) = tasks.get(&task) {
                    known.watched.look.notify_one();
                }
            }
            None => {
                for known in tasks.values() {
                    known.watched.look.notify_one();
                }
            }
        }
    }

    pub(super) fn wish(&self, task: TaskId, wish: Wish) {
        let tasks = self.tasks();
        let Some(known) = tasks.get(&task) else {
            drop(tasks);
            self.events.send(task, Change::Removed);
            return;
        };
        known.watched.wish.send_if_modified(|known| {
            let is_more = *known < wish;
            *known = wish.max(*known);
            is_more
        });
    }
}
