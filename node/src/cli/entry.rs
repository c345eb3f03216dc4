//! What the command line starts but does not contain.
//!
//! A binary says here what it has: the agent, the demo, the parent of a process task, the reader of
//! Compose files. What it leaves out is refused in one sentence.

use std::{
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    process::ExitCode,
};

use super::{agent::AgentArgs, demo::DemoArgs, stack::StackPlan};

/// A long-running part: it ends well, or with a sentence for the person.
pub type Running = Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// One that may run on any thread.
pub type SendRunning = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Reads Compose files for a stack of this name. A path of `-` is the standard input.
pub type LoadStack = fn(files: &[PathBuf], stack: &str) -> Result<StackPlan, String>;

/// The parts of a binary.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry {
    /// `shoal agent`, within a multi-threaded runtime.
    pub agent: Option<fn(AgentArgs) -> SendRunning>,
    /// `shoal demo`, within a multi-threaded runtime.
    pub demo: Option<fn(DemoArgs) -> Running>,
    /// `shoal __task DIR`: the small parent of a process task. Called without any runtime, so
    /// that it stays small.
    pub task_shim: Option<fn(&Path) -> ExitCode>,
    /// `shoal stack deploy` and `shoal stack config`.
    pub load_stack: Option<LoadStack>,
}

impl Entry {
    /// A binary that only speaks to agents elsewhere.
    #[must_use]
    pub fn client_only() -> Self {
        Self::default()
    }
}
