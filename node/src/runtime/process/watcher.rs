//! One task, from its start or its adoption to its removal: says what becomes of it, and does what
//! is wanted.

use std::{fs, io, sync::Arc, time::Duration};

use shoal_scheduler::task::TaskId;
use tokio::{
    io::AsyncReadExt,
    net::UnixStream,
    sync::{mpsc, oneshot, watch},
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    ADOPTION_TIME_MAX, REMOVED, Shared,
    connection::{Contact, ask_to_stop, contact},
    folder::{LaunchRecord, RunningRecord, TaskFolder},
    health::{self, Verdict},
    lost,
    moment::Moment,
    proc_table, start,
};
use crate::runtime::{Adopted, Change, Launch, Live};

/// Pause before another attempt at a folder that can't be read or written.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// Time for the last processes of an ended task to leave its cgroups, and between two looks.
const CGROUP_TIME_MAX: Duration = Duration::from_secs(5);
const CGROUP_PAUSE: Duration = Duration::from_millis(20);

/// What is wanted of a task. It only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    Run,
    Stop,
    Remove,
}

/// Where a task comes from.
pub(super) enum Origin {
    /// To be started.
    New(Box<Launch>),
    /// Started by an earlier run of the agent, which wants to know how it is.
    Found(oneshot::Sender<Adopted>),
}

pub(super) struct Watcher {
    shared: Arc<Shared>,
    task: TaskId,
    folder: TaskFolder,
    wishes: watch::Receiver<Wish>,
    /// Who waits for the first news of an adopted task.
    adopter: Option<(Launch, oneshot::Sender<Adopted>)>,
}

impl Watcher {
    pub(super) fn new(shared: Arc<Shared>, task: TaskId, wishes: watch::Receiver<Wish>) -> Self {
        Self {
            folder: shared.folder_of(task),
            shared,
            task,
            wishes,
            adopter: None,
        }
    }

    pub(super) async fn run(mut self, origin: Origin) {
        let record = match origin {
            Origin::New(launch) => self.start(*launch).await,
            Origin::Found(adopter) => self.find(adopter).await,
        };
        if let Some(record) = record {
            let end = self.follow(&record).await;
            self.shared.ports.release(&record.ports);
            self.tell(end);
            self.clear_cgroups().await;
        }
        self.wait_for(Wish::Remove).await;
        self.remove().await;
    }

    /// Reports a change: to the adopter first, then as events.
    fn tell(&mut self, change: Change) {
        let event = match self.adopter.take() {
            None => change,
            Some((launch, adopter)) => match adopter.send(Adopted { launch, change }) {
                Ok(()) => return,
                Err(unheard) => unheard.change,
            },
        };
        self.shared.events.send(self.task, event);
    }

    /// Nothing when it was not started, and that was reported.
    async fn start(&mut self, launch: Launch) -> Option<LaunchRecord> {
        self.tell(Change::Preparing);
        let shared = self.shared.clone();
        let permit = shared.starts.acquire().await.ok()?;
        if *self.wishes.borrow() > Wish::Run {
            self.tell(Change::Exited {
                code: 0,
                error: String::new(),
                stopped: true,
                at: Moment::now().wall(),
            });
            return None;
        }
        let folder = self.folder.clone();
        let shared = self.shared.clone();
        let started =
            spawn_blocking(move || start::start(launch, &folder, &shared.ports, &shared.binary));
        let result = started.await;
        drop(permit);
        let reason = match result {
            Ok(Ok(prepared)) => return Some(prepared.record),
            Ok(Err(refusal)) => refusal.to_string(),
            Err(error) => format!("the start was interrupted: {error}"),
        };
        self.tell(Change::Refused { reason });
        None
    }

    /// Nothing when nothing is known of it but its id; then it is cleared away.
    async fn find(&mut self, adopter: oneshot::Sender<Adopted>) -> Option<LaunchRecord> {
        match self.folder.launch() {
            Ok(record) => {
                self.shared.ports.take(&record.ports);
                self.adopter = Some((record.launch.clone(), adopter));
                Some(record)
            }
            Err(error) if !is_damage(&error) => {
                let (task, folder) = (self.task, self.folder.path().display());
                tracing::error!(%task, %folder, %error, "a task's record can't be read now: it is left as it is");
                None
            }
            Err(error) => {
                let (task, folder) = (self.task, self.folder.path().display());
                tracing::warn!(%task, %folder, %error, "a task's record is damaged: it is removed");
                let cgroups = self.folder.cgroups(task);
                let _ = spawn_blocking(move || lost::kill_leftovers(task, None, &cgroups)).await;
                self.shared.wish(task, Wish::Remove);
                None
            }
        }
    }

    /// Watches the task to its end.
    async fn follow(&mut self, record: &LaunchRecord) -> Change {
        loop {
            match self.contact().await {
                Ok(Contact::Ended(record)) => return record.change(),
                Ok(Contact::Running(connection, running)) => {
                    self.attend(record, connection, &running).await;
                }
                Err(error) => {
                    let (task, folder) = (self.task, self.folder.path().display());
                    tracing::error!(%task, %folder, %error, "a task's folder can't be used");
                    // An agent that starts does not wait for it.
                    if self.adopter.is_some() {
                        self.tell(Change::Preparing);
                    }
                    sleep(RETRY_INTERVAL).await;
                }
            }
        }
    }

    async fn contact(&mut self) -> io::Result<Contact> {
        let folder = self.folder.clone();
        let contact = contact(&folder, self.task);
        tokio::pin!(contact);
        if self.adopter.is_some() {
            match timeout(ADOPTION_TIME_MAX, &mut contact).await {
                Ok(result) => return result,
                Err(_) => self.tell(Change::Preparing),
            }
        }
        contact.await
    }

    /// Reports what becomes of a running task, until its parent is gone.
    async fn attend(
        &mut self,
        record: &LaunchRecord,
        mut connection: UnixStream,
        running: &RunningRecord,
    ) {
        let mut live = Live {
            pid: u32::try_from(running.pid).unwrap_or_default(),
            ports: record.ports.iter().copied().map(Into::into).collect(),
            warnings: [record.warnings.clone(), running.warnings.clone()].concat(),
            since: running.started().wall(),
            container: self.task.to_string(),
        };
        for warning in &live.warnings {
            tracing::warn!(task = %self.task, service = %record.launch.service_name, "{warning}");
        }
        let (mut verdicts, _checks) = self.check(record, running, &mut live);
        let mut is_stopping = false;
        // What the parent was not told yet.
        let mut request = None;
        loop {
            if !is_stopping && *self.wishes.borrow_and_update() > Wish::Run {
                (is_stopping, request) = (true, Some("stop"));
            }
            if let Some(word) = request
                && self.ask(word).await
            {
                request = None;
            }
            tokio::select! {
                // Nothing is ever said on it but its end.
                _ = connection.read_u8() => return,
                Some(verdict) = verdicts.recv() => match verdict {
                    Verdict::Healthy => {
                        // Without it a new agent only takes the task for one that still starts.
                        let first = Moment::now();
                        let _ = self.folder.write_healthy(&first);
                        live.since = first.wall();
                        self.tell(Change::Running(live.clone()));
                    }
                    Verdict::Unhealthy if is_stopping => {}
                    Verdict::Unhealthy => {
                        self.tell(Change::Unhealthy(live.clone()));
                        request = Some("unhealthy");
                    }
                },
                Ok(()) = self.wishes.changed() => {}
                () = sleep(RETRY_INTERVAL), if request.is_some() => {}
            }
        }
    }

    /// Reports the task's first state, and starts its health checks where it has some.
    fn check(
        &mut self,
        record: &LaunchRecord,
        running: &RunningRecord,
        live: &mut Live,
    ) -> (mpsc::Receiver<Verdict>, Option<AbortOnDropHandle<()>>) {
        let (sender, verdicts) = mpsc::channel(1);
        let check = record.launch.spec.container().healthcheck.clone();
        let Some(check) = check.filter(|check| check.is_active()) else {
            self.tell(Change::Running(live.clone()));
            return (verdicts, None);
        };
        let healthy = self.folder.healthy_since(running.started());
        self.tell(match healthy {
            Some(first) => {
                live.since = first.wall();
                Change::Running(live.clone())
            }
            None => Change::Starting(live.clone()),
        });
        let checks = health::watch(
            self.shared.binary.clone(),
            self.folder.path().join(TaskFolder::CHECK),
            check,
            proc_table::age(running.start_ticks).unwrap_or_default(),
            healthy.is_some(),
            sender,
        );
        let checks = AbortOnDropHandle::new(tokio::spawn(checks));
        (verdicts, Some(checks))
    }

    /// Whether the parent took the request.
    async fn ask(&self, word: &str) -> bool {
        let answer = ask_to_stop(&self.folder, word).await;
        if let Err(error) = &answer {
            tracing::debug!(task = %self.task, %error, "its parent can't be asked to {word}");
        }
        answer.is_ok()
    }

    async fn wait_for(&mut self, wish: Wish) {
        // An error: the runtime ends, and this with it.
        let _ = self.wishes.wait_for(|known| *known >= wish).await;
    }

    /// Removes the cgroups of a task that has ended, if its parent could not. Whatever was killed a
    /// moment ago may still be in them.
    async fn clear_cgroups(&self) {
        let cgroups = self.folder.cgroups(self.task);
        let began = Instant::now();
        while let Err(error) = cgroups.remove() {
            if began.elapsed() > CGROUP_TIME_MAX {
                tracing::warn!(task = %self.task, %error, "a cgroup of an ended task stays");
                return;
            }
            sleep(CGROUP_PAUSE).await;
        }
    }

    async fn remove(&self) {
        self.clear_cgroups().await;
        let folder = self.folder.path().to_owned();
        let trash = self.shared.folder.join(format!("{REMOVED}{}", self.task));
        let removal = spawn_blocking(move || {
            fs::rename(&folder, &trash)?;
            fs::remove_dir_all(&trash)
        });
        match removal.await {
            Ok(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                let (task, folder) = (self.task, self.folder.path().display());
                tracing::error!(%task, %folder, %error, "the task's folder can't be removed");
            }
            _ => {}
        }
        self.shared.tasks().remove(&self.task);
        self.shared.events.send(self.task, Change::Removed);
    }
}

/// Whether the record itself is at fault, and not the moment or the machine.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}
