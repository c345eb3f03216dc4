//! Limits of a task through cgroups, of both versions (kernel: `admin-guide/cgroup-v2.rst` and
//! `admin-guide/cgroup-v1/`).
//!
//! Each limited task has a cgroup of its own, `shoal/TASK` below the agent's: with version 1 one in
//! the hierarchy of each limit's controller, with version 2 one for all. The agent makes it and
//! writes the limits, the program enters it before it becomes the task, and whoever sees the end
//! of the task removes it. Its path is on the disk before it is made, so none is left for good. A
//! cgroup that was there before is never entered, written or removed.
//!
//! What can't be enforced here is a warning, never a refusal: the task runs.

mod file;
mod hierarchy;
mod limit;
mod make;
mod mounts;
mod out_of_memory;
mod remove;
mod unified;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shoal_scheduler::task::TaskId;

pub(super) use make::plan;

/// Where cgroups of tasks are made, below a cgroup that was there before. It stays.
const HOME: &str = "shoal";

/// The cgroups of one task, by their folders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cgroups(Vec<PathBuf>);

impl Cgroups {
    /// Moves this process into all of them, and says where that fails.
    pub(super) fn enter(&self) -> Vec<String> {
        let failures = self.0.iter().filter_map(|folder| {
            // 0 is whoever writes.
            let error = file::write(&folder.join("cgroup.procs"), "0").err()?;
            Some(format!(
                "its limits are not enforced: it can't be moved into its cgroup: {error}"
            ))
        });
        failures.collect()
    }

    /// The same without folders that can't be this task's, should the record be damaged.
    pub(super) fn of_task(self, task: TaskId) -> Self {
        let leaf = PathBuf::from(HOME).join(task.to_string());
        let is_ours = |folder: &PathBuf| folder.is_absolute() && folder.ends_with(&leaf);
        Self(self.0.into_iter().filter(is_ours).collect())
    }

    /// Ids of the processes in them.
    pub(super) fn members(&self) -> Vec<i32> {
        let members = |folder: &PathBuf| file::read(&folder.join("cgroup.procs")).ok();
        let texts: Vec<String> = self.0.iter().filter_map(members).collect();
        let lines = texts.iter().flat_map(|text| text.lines());
        lines.filter_map(|line| line.parse().ok()).collect()
    }

    /// What to say of a task that was killed from outside, if the reason was its memory.
    pub(super) fn out_of_memory(&self) -> Option<String> {
        self.0
            .iter()
            .find_map(|folder| out_of_memory::reason(folder))
    }

    /// Removes them with all below, if they are there.
    ///
    /// # Errors
    /// The first folder that stays, mostly because a process in it has not quite ended.
    pub(super) fn remove(&self) -> Result<(), file::FileError> {
        let results: Vec<_> = self.0.iter().map(|folder| remove::all(folder)).collect();
        results.into_iter().collect()
    }

    fn add(&mut self, folder: &Path) {
        self.0.push(folder.to_owned());
    }
}
