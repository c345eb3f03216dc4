//! What becomes of a task. Each change is the whole state: the latest one is all one must know.

use std::time::Duration;

use shoal_scheduler::task::{TaskPort, TaskState};

/// A task that has a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Its process id on this node.
    pub pid: u32,
    /// Where it listens.
    pub ports: Vec<TaskPort>,
    /// What of its spec is not honoured here, a sentence each.
    pub warnings: Vec<String>,
    /// When it came into this state, whichever agent saw it: started, or was healthy first. Since
    /// 1970-01-01 UTC by this machine's clock.
    pub since: Duration,
    /// Its id on its engine; the task's own for a process.
    pub container: String,
}

/// How a task is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// What it needs is being fetched or made.
    Preparing,
    /// Started, and not yet healthy. Only with a health check.
    Starting(Live),
    /// Runs, and is healthy where there is a check.
    Running(Live),
    /// Failed its health check too often. It is being stopped; [`Change::Exited`] follows.
    Unhealthy(Live),
    /// It ended.
    Exited {
        /// Exit status; 128 + signal for a signal.
        code: i32,
        /// What went wrong, in Swarm's words. Empty when nothing did.
        error: String,
        /// Whether it was asked to stop.
        stopped: bool,
        /// When, since 1970-01-01 UTC by this machine's clock.
        at: Duration,
    },
    /// This node can't run it. Nothing was started.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
    /// It is gone, with its log and all. Nothing follows.
    Removed,
}

impl Change {
    /// The state that the scheduler knows. A task only moves up: `Unhealthy` is `Starting`, which
    /// does not take a task back that was `Running`.
    #[must_use]
    pub fn state(&self) -> TaskState {
        match self {
            Self::Preparing => TaskState::Preparing,
            Self::Starting(_) | Self::Unhealthy(_) => TaskState::Starting,
            Self::Running(_) => TaskState::Running,
            Self::Exited { stopped: true, .. } => TaskState::Shutdown,
            Self::Exited { code: 0, error, .. } if error.is_empty() => TaskState::Complete,
            Self::Exited { .. } => TaskState::Failed,
            Self::Refused { .. } => TaskState::Rejected,
            Self::Removed => TaskState::Remove,
        }
    }

    /// Whether there is no process any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.state().is_terminal()
    }

    /// When it came into this state, where that is known better than by when it is told. Since
    /// 1970-01-01 UTC.
    #[must_use]
    pub fn at(&self) -> Option<Duration> {
        match self {
            Self::Starting(live) | Self::Running(live) => Some(live.since),
            Self::Exited { at, .. } => Some(*at),
            Self::Preparing | Self::Unhealthy(_) | Self::Refused { .. } | Self::Removed => None,
        }
    }

    /// The process and its ports, while there is one.
    #[must_use]
    pub fn live(&self) -> Option<&Live> {
        match self {
            Self::Starting(live) | Self::Running(live) | Self::Unhealthy(live) => Some(live),
            _ => None,
        }
    }
}
