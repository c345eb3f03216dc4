//! The secrets and configs of a task that starts: opened, filled in, and placed where its runtime finds them.

use shoal_scheduler::file::TaskFile;

use crate::{
    architecture,
    runtime::{
        Launch,
        files::{FileRoom, OpenFile, PlacedFiles},
        template::Template,
    },
    vault::Vault,
};

/// Opens secrets, and knows where they go.
pub(super) struct TaskFiles {
    pub(super) vault: Vault,
    pub(super) room: FileRoom,
}

impl TaskFiles {
    /// Puts the files of a task in their places.
    pub(super) fn place(&self, launch: &Launch, files: Vec<TaskFile>) -> PlacedFiles {
        let opened: Result<Vec<OpenFile>, String> =
            files.iter().map(|file| self.open(file)).collect();
        let filled_in = opened.and_then(|opened| fill_in(launch, &files, opened));
        match filled_in {
            Ok(files) => self.room.place(launch.task, files),
            Err(trouble) => PlacedFiles::none(trouble),
        }
    }

    fn open(&self, file: &TaskFile) -> Result<OpenFile, String> {
        let value = self.vault.open(file).map_err(|error| error.to_string())?;
        Ok(OpenFile {
            kind: file.kind,
            name: file.name.clone(),
            target: file.target.clone(),
            value,
        })
    }
}

/// Fills those in that are templates.
fn fill_in(
    launch: &Launch,
    files: &[TaskFile],
    mut opened: Vec<OpenFile>,
) -> Result<Vec<OpenFile>, String> {
    let architecture = architecture::of_this_program();
    let mut filled_in = Vec::new();
    for (at, file) in files
        .iter()
        .enumerate()
        .filter(|(_, file)| file.is_template)
    {
        let (kind, name) = (file.kind, &file.name);
        let text = std::str::from_utf8(&opened[at].value)
            .map_err(|_| format!("{kind} {name} is to be filled in, and is no text"))?;
        let template = Template::new(launch, &architecture).with_files(&opened);
        // What is wrong in a secret says nothing of what is in it.
        let value = template.expand(text).map_err(|error| match kind {
            shoal_scheduler::spec::FileKind::Secret => {
                format!("secret {name} can't be filled in: {}", error.why())
            }
            shoal_scheduler::spec::FileKind::Config => {
                format!("config {name} can't be filled in: {error}")
            }
        })?;
        filled_in.push((at, value));
    }
    for (at, value) in filled_in {
        opened[at].value = zeroize::Zeroizing::new(value.into_bytes());
    }
    Ok(opened)
}
