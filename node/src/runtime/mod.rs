//! Runtimes: what makes a task run on this machine.
//!
//! Commands go in and return at once; what becomes of a task comes out as [`Change`]s on one
//! channel that all runtimes of a node share. A runtime never decides whether a task should run,
//! and never restarts one: that is the scheduler's (Swarm's split between orchestrator and
//! executor). It keeps enough beside each task to tell a new agent everything about it.

mod change;
pub mod docker;
mod events;
pub mod files;
pub(crate) mod installation;
mod launch;
mod logs;
pub mod process;
pub mod template;

use std::{future::Future, net::IpAddr, pin::Pin};

pub use change::{Change, Live};
pub use events::{EventReceiver, Events, RuntimeEvent, events};
pub use launch::Launch;
pub use logs::{LogLine, LogOptions, LogStream, NoLog, Output};
pub use process::{dispatch, shim_main};
use shoal_scheduler::{spec::ContainerSpec, task::TaskId};

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A task that an earlier run of the agent started, found again without asking anybody.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// What it was started with.
    pub launch: Launch,
    /// How it is: running, or how it ended meanwhile.
    pub change: Change,
}

/// One way to run tasks. The agent holds several and routes each task by [`Runtime::takes`].
///
/// No method blocks; all may be called from any thread.
pub trait Runtime: Send + Sync {
    /// Its name for people, as in `--runtime`: `process`, `docker`.
    fn name(&self) -> &'static str;

    /// Whether tasks of this container are this runtime's to run.
    fn takes(&self, container: &ContainerSpec) -> bool;

    /// Finds the tasks of earlier runs and watches them from now on. To be called once, before
    /// anything is started. Later changes of these tasks come as events.
    fn adopt(&self) -> BoxFuture<'_, Vec<Adopted>>;

    /// Whether this task is one of its own: started here, or adopted, and not yet removed.
    fn knows(&self, task: TaskId) -> bool;

    /// Starts a task. A task that is known already is left as it is.
    fn start(&self, launch: Launch);

    /// Asks a task to stop: its stop signal, then SIGKILL after its grace. Its end comes as
    /// [`Change::Exited`]; a task that nobody knows is reported as [`Change::Removed`].
    fn stop(&self, task: TaskId);

    /// Removes a task with all it left, its log included, and reports [`Change::Removed`]. One that
    /// still runs is stopped first.
    fn remove(&self, task: TaskId);

    /// The address of a task that has a network of its own on this machine. None: it shares the
    /// machine's, or is not there.
    fn address(&self, _task: TaskId) -> Option<IpAddr> {
        None
    }

    /// What a task wrote, as long as it is not removed. Empty for a task that nobody knows.
    fn logs(&self, task: TaskId, options: LogOptions) -> LogStream;
}
