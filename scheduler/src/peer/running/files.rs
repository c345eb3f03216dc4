//! What a task must find when it starts: its secrets and configs.

use std::time::Duration;

use crate::{
    file::TaskFile,
    peer::{Peer, TaskChange},
    spec::{FileKind, FileReference, FileTarget, ServiceSpec},
    task::{TaskId, TaskState},
};

/// What a task waits for.
pub(super) struct Missing {
    /// In words for people.
    words: String,
    /// Whether another node may have it.
    is_here_only: bool,
}

/// How often it is looked whether what a task waits for has come.
const PAUSE: Duration = Duration::from_millis(100);
/// A task waits so long; then this node can't run it for now, and others may.
const PATIENCE: Duration = Duration::from_secs(10);

impl Peer {
    /// The secrets and configs of a task. One that is not here yet is an error.
    pub(super) fn files_of(&self, spec: &ServiceSpec) -> Result<Vec<TaskFile>, Missing> {
        let container = spec.container();
        let secrets = container.secrets.iter();
        let secrets = secrets.map(|one| self.file(FileKind::Secret, &one.secret_id, one));
        let configs = container.configs.iter();
        let configs = configs.map(|one| self.file(FileKind::Config, &one.config_id, one));
        secrets.chain(configs).collect()
    }

    fn file(
        &self,
        kind: FileKind,
        id: &str,
        reference: &impl FileReference,
    ) -> Result<TaskFile, Missing> {
        let name = reference.name();
        let found = self.catalog.files().find(kind, id, name);
        // All nodes that hear of each other know the same: nobody else has it either.
        let found = found.ok_or_else(|| Missing {
            words: format!("{kind} not found: {name}"),
            is_here_only: false,
        })?;
        let here_only = |words: String| Missing {
            words,
            is_here_only: true,
        };
        let record = &found.record;
        let contents = self.contents_of(record);
        let contents =
            contents.ok_or_else(|| here_only(format!("{kind} {name} has not arrived here yet")))?;
        let sealed_key = match kind {
            FileKind::Config => None,
            FileKind::Secret => {
                let key = self.sealed_keys(record.id).remove(&self.me());
                let missing = || {
                    here_only(format!(
                        "secret {name} has not been sealed to this node yet: a node that can open it must be reachable"
                    ))
                };
                Some(key.ok_or_else(missing)?)
            }
        };
        Ok(TaskFile {
            kind,
            id: record.id,
            name: record.spec.name.clone(),
            target: target_of(reference),
            is_template: record.spec.is_template(),
            contents,
            sealed_key,
        })
    }

    /// Has a task start later, or refuses it when it has waited for long.
    pub(super) fn wait_for_file(&mut self, id: TaskId, missing: Missing) {
        let (now, wall) = (self.now.monotonic, self.now.wall);
        let since = *self.running.without_files.entry(id).or_insert(now);
        let Some(task) = self.running.local.get_mut(&id) else {
            return;
        };
        if !missing.is_here_only || now < since.saturating_add(PATIENCE) {
            task.starts_at = Some(now.saturating_add(PAUSE));
            if task.report.message != missing.words {
                task.say(TaskState::Preparing, &missing.words, wall);
                self.own_tasks_changed();
            }
            return;
        }
        task.starts_at = None;
        self.running.without_files.remove(&id);
        self.task_changed(TaskChange {
            task: id,
            state: TaskState::Rejected,
            at: None,
            remark: String::new(),
            error: missing.words,
            pid: None,
            exit_code: None,
            container: String::new(),
            ports: Vec::new(),
        });
    }
}

/// Where a file is to be; its own name where nobody said.
fn target_of(reference: &impl FileReference) -> FileTarget {
    let mut target = reference.file().cloned().unwrap_or_else(|| FileTarget {
        mode: 0o444,
        ..FileTarget::default()
    });
    if target.name.is_empty() {
        reference.name().clone_into(&mut target.name);
    }
    target
}
