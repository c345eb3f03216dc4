//! The process runtime: a task is a command of this machine, with a small parent of its own.
//!
//! For specs without an image ([`ContainerSpec::is_process`]); whatever has one is refused. The
//! parent (`shoal __task FOLDER`, see `parent`) holds the task's log and exit status, so an agent
//! may come and go. This side prepares the task's folder, starts the parent, watches it through a
//! socket, and runs the health checks. What a task finds in its environment: see `environment`.

mod cgroup;
mod connection;
mod environment;
mod folder;
mod health;
mod limits;
mod log_pieces;
mod log_reader;
mod log_record;
mod lost;
mod moment;
mod parent;
mod ports;
mod prepare;
mod proc_table;
mod program;
mod start;
mod start_report;
mod stop_signal;
mod user;
mod watcher;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shoal_scheduler::{spec::ContainerSpec, task::TaskId};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, oneshot, watch},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use watcher::{Origin, Watcher, Wish};

use self::folder::TaskFolder;
use super::{Adopted, BoxFuture, Change, Events, Launch, LogOptions, LogStream, Runtime};
use crate::descriptors;

/// The hidden subcommand by which this binary becomes a task's parent or program.
pub const SUBCOMMAND: &str = "__task";
/// This binary, even when its file was replaced meanwhile.
const OWN_BINARY: &str = "/proc/self/exe";
/// Tasks that are started at the same time; others wait.
const STARTS_MAX: usize = 8;
/// Time for a parent to answer at adoption; later it is reported as an event.
const ADOPTION_TIME_MAX: Duration = Duration::from_secs(5);
/// Folders that are being removed begin with this.
const REMOVED: &str = ".removed-";

/// Becomes a task's parent or program, if that is what this process was started for. To be called
/// first of all in `main`, before any thread is started, so that a parent stays small.
#[must_use]
pub fn dispatch(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next()? != SUBCOMMAND {
        return None;
    }
    Some(shim_main(Path::new(&arguments.next()?)))
}

/// What `shoal __task PATH` does: the parent of the task in this folder, or the program in this
/// file.
#[must_use]
pub fn shim_main(path: &Path) -> ExitCode {
    let open_files = std::env::var(environment::OPEN_FILES);
    if let Some(soft) = open_files.ok().and_then(|text| text.parse().ok()) {
        descriptors::lower(soft);
    }
    match path.is_file() {
        true => program::become_program(path),
        false => parent::run(path),
    }
}

/// Where a process runtime works.
#[derive(Clone, Debug)]
pub struct ProcessSettings {
    /// The agent's data directory; tasks are in `tasks/` below it.
    pub data_dir: PathBuf,
    /// The `shoal` binary, as seen from this process. None: this process is one.
    pub binary: Option<PathBuf>,
}

/// Runs commands as processes. Dropping it leaves the tasks as they are.
pub struct ProcessRuntime {
    shared: Arc<Shared>,
    /// Ends the watchers.
    _end: DropGuard,
}

/// What all watchers share.
struct Shared {
    folder: PathBuf,
    binary: PathBuf,
    events: Events,
    ports: ports::Ports,
    starts: Semaphore,
    tasks: Mutex<BTreeMap<TaskId, watch::Sender<Wish>>>,
    watchers: TaskTracker,
    end: CancellationToken,
    handle: Handle,
}

impl Shared {
    fn tasks(&self) -> MutexGuard<'_, BTreeMap<TaskId, watch::Sender<Wish>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder_of(&self, task: TaskId) -> TaskFolder {
        TaskFolder::at(self.folder.join(task.to_string()))
    }

    /// Starts a watcher, unless the task has one.
    fn watch(self: &Arc<Self>, task: TaskId, origin: Origin) {
        let (wish, wishes) = watch::channel(Wish::Run);
        let mut tasks = self.tasks();
        if tasks.contains_key(&task) {
            tracing::debug!(%task, "is known already");
            return;
        }
        tasks.insert(task, wish);
        drop(tasks);
        let watcher = Watcher::new(self.clone(), task, wishes);
        let end = self.end.clone();
        self.watchers.spawn_on(
            async move {
                end.run_until_cancelled(watcher.run(origin)).await;
            },
            &self.handle,
        );
    }

    /// Tells a task's watcher what is wanted; what was wanted before is never taken back.
    fn wish(&self, task: TaskId, wish: Wish) {
        match self.tasks().get(&task) {
            Some(wishes) => {
                wishes.send_if_modified(|known| {
                    let is_more = *known < wish;
                    *known = wish.max(*known);
                    is_more
                });
            }
            None => self.events.send(task, Change::Removed),
        }
    }
}

impl ProcessRuntime {
    /// A runtime that keeps its tasks in this data directory and reports to this channel. To be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// If the folder of the tasks can't be made.
    pub fn new(settings: ProcessSettings, events: Events) -> io::Result<Self> {
        let folder = std::path::absolute(settings.data_dir.join("tasks"))?;
        TaskFolder::at(&folder).create()?;
        let end = CancellationToken::new();
        let shared = Shared {
            folder,
            binary: settings.binary.unwrap_or_else(|| OWN_BINARY.into()),
            events,
            ports: ports::Ports::default(),
            starts: Semaphore::new(STARTS_MAX),
            tasks: Mutex::default(),
            watchers: TaskTracker::new(),
            end: end.clone(),
            handle: Handle::current(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            _end: end.drop_guard(),
        })
    }

    /// Finds the folders of earlier runs, and ends half-finished removals.
    fn found(folder: &Path) -> io::Result<Vec<TaskId>> {
        let mut tasks = Vec::new();
        for entry in fs::read_dir(folder)?.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(REMOVED) {
                if let Err(error) = fs::remove_dir_all(entry.path()) {
                    let folder = entry.path();
                    tracing::warn!(folder = %folder.display(), %error, "what is left of a removed task stays");
                }
            } else if let Ok(task) = name.parse() {
                tasks.push(task);
            }
        }
        Ok(tasks)
    }

    async fn adopt_all(&self) -> Vec<Adopted> {
        let folder = self.shared.folder.clone();
        let found = tokio::task::spawn_blocking(move || Self::found(&folder)).await;
        let tasks = match found {
            Ok(Ok(tasks)) => tasks,
            Ok(Err(error)) => {
                let folder = self.shared.folder.display();
                tracing::error!(%folder, %error, "the tasks of earlier runs can't be found");
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        let mut answers = Vec::new();
        for task in tasks {
            let (first, answer) = oneshot::channel();
            self.shared.watch(task, Origin::Found(first));
            answers.push(answer);
        }
        let mut adopted = Vec::new();
        for answer in answers {
            // Nothing: the task's files are damaged, and it was cleared away.
            adopted.extend(answer.await.ok());
        }
        adopted
    }
}

impl Runtime for ProcessRuntime {
    fn name(&self) -> &'static str {
        "process"
    }

    fn takes(&self, container: &ContainerSpec) -> bool {
        container.is_process()
    }

    fn adopt(&self) -> BoxFuture<'_, Vec<Adopted>> {
        Box::pin(self.adopt_all())
    }

    fn knows(&self, task: TaskId) -> bool {
        self.shared.tasks().contains_key(&task)
    }

    fn start(&self, launch: Launch) {
        self.shared
            .watch(launch.task, Origin::New(Box::new(launch)));
    }

    fn stop(&self, task: TaskId) {
        self.shared.wish(task, Wish::Stop);
    }

    fn remove(&self, task: TaskId) {
        self.shared.wish(task, Wish::Remove);
    }

    fn logs(&self, task: TaskId, options: LogOptions) -> LogStream {
        let _entered = self.shared.handle.enter();
        log_reader::stream(self.shared.folder_of(task), options)
    }
}
