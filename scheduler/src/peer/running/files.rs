//! What a task must find when it starts: its secrets and configs.

use super::missing::Missing;
use crate::{
    file::TaskFile,
    peer::Peer,
    spec::{FileKind, FileReference, FileTarget, ServiceSpec},
};

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
        let found = found.ok_or_else(|| Missing::anywhere(format!("{kind} not found: {name}")))?;
        let record = &found.record;
        let contents = self.contents_of(record);
        let contents = contents
            .ok_or_else(|| Missing::here(format!("{kind} {name} has not arrived here yet")))?;
        let sealed_key = match kind {
            FileKind::Config => None,
            FileKind::Secret => {
                let key = self.sealed_keys(record.id).remove(&self.me());
                let missing = || {
                    Missing::here(format!(
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
