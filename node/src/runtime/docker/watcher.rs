//! One task, from its start or its adoption to its removal. What its container is now decides, not what
//! an event said: events only say when to look.

use std::{sync::Arc, time::Duration};

use bollard::{
    Docker,
    models::ContainerInspectResponse,
    query_parameters::{
        InspectContainerOptions, RemoveContainerOptionsBuilder, StopContainerOptions,
    },
};
use shoal_scheduler::task::TaskId;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    error::Trouble,
    seen::{Seen, address, now, seen},
    watchers::Shared,
};
use crate::runtime::{Change, Launch, Live};

/// Pauses between two attempts at an engine that does not answer.
pub(super) const RETRY_MIN: Duration = Duration::from_millis(200);
pub(super) const RETRY_MAX: Duration = Duration::from_secs(10);
/// An engine that was told to stop a container and did not, is told again after its grace and this.
const STOP_MARGIN: Duration = Duration::from_secs(30);

/// What is wanted of a task. It only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    Run,
    Stop,
    Remove,
}

/// A task that has a watcher, as others see it.
pub(super) struct Watched {
    pub(super) wish: watch::Sender<Wish>,
    /// Something happened to its container.
    pub(super) look: Arc<Notify>,
}

/// A task's container, and whether it was ever started.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) container: String,
    pub(super) was_started: bool,
}

pub(super) struct Watcher {
    pub(super) shared: Arc<Shared>,
    pub(super) launch: Launch,
    pub(super) wishes: watch::Receiver<Wish>,
    pub(super) look: Arc<Notify>,
    pub(super) warnings: Vec<String>,
    /// The last that was told.
    pub(super) told: Option<Change>,
    pub(super) healthy_since: Option<Duration>,
}

impl Watcher {
    pub(super) fn task(&self) -> TaskId {
        self.launch.task
    }

    pub(super) fn is_wanted(&self) -> bool {
        *self.wishes.borrow() == Wish::Run
    }

    /// Reports how the task is, if that is news.
    pub(super) fn tell(&mut self, change: Change) {
        if self.told.as_ref() != Some(&change) {
            self.told = Some(change.clone());
            self.shared.events.send(self.task(), change);
        }
    }

    pub(super) async fn run(mut self, found: Option<Found>) {
        let container = match self.container(found).await {
            Ok(container) => {
                let end = self.follow(&container).await;
                self.shared.networks.attached(self.task(), None);
                self.tell(end);
                Some(container)
            }
            Err(no) => {
                // What was made for it, and does not run, is in nobody's way. By its id: who has its name
                // may be somebody else's.
                if let Some(made) = self.shared.container_of(self.task()) {
                    self.remove_container(&made).await;
                }
                self.tell(no.change());
                None
            }
        };
        // An error: the runtime ends, and this with it.
        let _ = self.wishes.wait_for(|wish| *wish == Wish::Remove).await;
        if let Some(container) = container {
            self.remove_container(&container).await;
        }
        self.shared.forget(self.task());
        self.shared.events.send(self.task(), Change::Removed);
    }

    pub(super) fn memory_limit(&self) -> i64 {
        self.launch.spec.task_template.resources.limits.memory_bytes
    }

    pub(super) fn seen(&self, found: &ContainerInspectResponse) -> Seen {
        seen(
            found,
            &self.warnings,
            self.memory_limit(),
            self.healthy_since,
        )
    }

    /// Watches a container to its end.
    async fn follow(&mut self, container: &str) -> Change {
        let (mut was_asked_to_stop, mut was_unhealthy) = (false, false);
        let mut stopping: Option<AbortOnDropHandle<()>> = None;
        let mut pause = RETRY_MIN;
        loop {
            let docker = self.shared.engine.up().await;
            let options = None::<InspectContainerOptions>;
            match docker.inspect_container(container, options).await {
                Ok(found) => {
                    pause = RETRY_MIN;
                    self.shared.set_address(self.task(), address(&found));
                    self.shared.networks.attached(self.task(), Some(&found));
                    match self.seen(&found) {
                        Seen::Ended(end) => return end.change(was_asked_to_stop),
                        // Somebody else stopped it before it began: it is as it ends.
                        Seen::Created => {}
                        Seen::Live(change) => self.tell_live(change),
                        Seen::Unhealthy(live) => {
                            was_unhealthy = true;
                            if !was_asked_to_stop {
                                self.tell(Change::Unhealthy(live));
                            }
                        }
                    }
                }
                Err(error) => match Trouble::of(&error) {
                    Trouble::NotFound(_) => return gone(was_asked_to_stop),
                    trouble => {
                        let words = trouble.words().to_owned();
                        tracing::debug!(task = %self.task(), %error, %words, "its container can't be looked at");
                        sleep(pause).await;
                        pause = (pause * 2).min(RETRY_MAX);
                        continue;
                    }
                },
            }
            let wish = *self.wishes.borrow_and_update();
            was_asked_to_stop |= wish > Wish::Run && !was_unhealthy;
            let is_over = stopping.as_ref().is_none_or(AbortOnDropHandle::is_finished);
            if (wish > Wish::Run || was_unhealthy) && is_over {
                stopping = Some(self.stop(docker, container));
            }
            let is_stopping = stopping.is_some();
            let patience = self.launch.spec.container().stop_grace() + STOP_MARGIN;
            tokio::select! {
                () = self.look.notified() => {}
                Ok(()) = self.wishes.changed() => {}
                () = sleep(patience), if is_stopping => {}
            }
        }
    }

    fn tell_live(&mut self, change: Change) {
        if matches!(change, Change::Running(_)) {
            self.healthy_since.get_or_insert_with(now);
        }
        // A look later is no news.
        let is_known = match (&self.told, &change) {
            (Some(Change::Running(known)), Change::Running(live))
            | (Some(Change::Starting(known)), Change::Starting(live)) => known.pid == live.pid,
            _ => false,
        };
        if !is_known {
            self.tell(change);
        }
    }

    /// Has the engine stop the container with its signal and grace, then kill it.
    fn stop(&self, docker: Docker, container: &str) -> AbortOnDropHandle<()> {
        let (container, task) = (container.to_owned(), self.task());
        let patience = self.launch.spec.container().stop_grace() + STOP_MARGIN;
        let look = self.look.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            let docker = docker.with_timeout(patience);
            let stopped = docker
                .stop_container(&container, None::<StopContainerOptions>)
                .await;
            if let Err(error) = stopped {
                tracing::debug!(%task, %error, "the engine does not stop its container");
                sleep(RETRY_MAX).await;
            }
            look.notify_one();
        }))
    }

    /// Removes a container with its anonymous volumes, whatever the engine's state.
    async fn remove_container(&self, container: &str) {
        let mut pause = RETRY_MIN;
        loop {
            let docker = self.shared.engine.up().await;
            if remove(&docker, container).await {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }
}

/// Whether it is gone, or will never be by asking again.
pub(super) async fn remove(docker: &Docker, container: &str) -> bool {
    let options = RemoveContainerOptionsBuilder::default()
        .force(true)
        .v(true)
        .build();
    let Err(error) = docker.remove_container(container, Some(options)).await else {
        return true;
    };
    match Trouble::of(&error) {
        Trouble::NotFound(_) | Trouble::Conflict(_) => true,
        trouble => {
            let words = trouble.words();
            tracing::warn!(%container, %words, "a container can't be removed; it is tried again");
            false
        }
    }
}

/// The end of a task whose container somebody else removed.
fn gone(stopped: bool) -> Change {
    Change::Exited {
        code: 137,
        error: match stopped {
            true => String::new(),
            false => "task: its container was removed from the engine".to_owned(),
        },
        stopped,
        at: now(),
    }
}

/// A task that runs, as far as it is known before its container was looked at.
pub(super) fn unknown() -> Change {
    Change::Starting(Live::default())
}
