//! Starting a task: its folder is written, then its parent is started.

use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

use super::{
    SUBCOMMAND, cgroup, environment,
    folder::TaskFolder,
    ports::Ports,
    prepare::{Prepared, Refusal, prepare},
};
use crate::{descriptors, runtime::Launch};

/// Longest word of a failed parent that is passed on, in characters.
const WORDS_MAX: usize = 500;

/// Starts a task's parent, which has claimed the task when this returns. Blocks. After a refusal
/// nothing runs and no folder is left.
pub(super) fn start(
    launch: Launch,
    folder: &TaskFolder,
    ports: &Ports,
    binary: &Path,
) -> Result<Prepared, Refusal> {
    let chosen = ports.choose(launch.spec.ports())?;
    let (id, task) = (launch.task, launch.task.to_string());
    let started = prepare(launch, chosen.clone()).and_then(|mut prepared| {
        write(folder, &mut prepared).map_err(|cause| Refusal::Folder {
            folder: folder.path().to_owned(),
            cause,
        })?;
        start_parent(folder, &task, binary).map_err(Refusal::Parent)?;
        Ok(prepared)
    });
    if started.is_err() {
        ports.release(&chosen);
        let _ = folder.cgroups(id).remove();
        // It is not there, or is cleared away at the next adoption.
        let _ = fs::remove_dir_all(folder.path());
    }
    started
}

/// The record of the launch comes last: it tells what turned out not to be enforced.
fn write(folder: &TaskFolder, prepared: &mut Prepared) -> io::Result<()> {
    folder.create()?;
    let launch = &prepared.record.launch;
    let plan = cgroup::plan(&launch.spec.task_template.resources.limits, launch.task);
    let planned = plan.cgroups();
    prepared.set_cgroups(&planned);
    // Before any cgroup is made: whoever finds the task knows which to remove.
    write_programs(folder, prepared)?;
    let (made, warnings) = plan.make();
    if made != planned {
        prepared.set_cgroups(&made);
        write_programs(folder, prepared)?;
    }
    prepared.record.warnings.extend(warnings);
    folder.write_launch(&prepared.record)
}

fn write_programs(folder: &TaskFolder, prepared: &Prepared) -> io::Result<()> {
    folder.write_program(TaskFolder::MAIN, &prepared.main)?;
    match &prepared.check {
        Some(check) => folder.write_program(TaskFolder::CHECK, check),
        None => Ok(()),
    }
}

/// The process started here ends when its child, the parent, has no tie to the agent any more.
fn start_parent(folder: &TaskFolder, task: &str, binary: &Path) -> Result<(), String> {
    let output = Command::new(binary)
        .arg(SUBCOMMAND)
        .arg(folder.path())
        .env_clear()
        .env(environment::TASK_ID, task)
        .envs(descriptors::before().map(|soft| (environment::OPEN_FILES, soft.to_string())))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("{}: {error}", binary.display()))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let words = String::from_utf8_lossy(&output.stderr);
            let words: String = words.trim().chars().take(WORDS_MAX).collect();
            Err(format!("{} ({words})", output.status))
        }
    }
}
