//! The small parent of one task: `shoal __task FOLDER`.
//!
//! It starts the task's program, holds its outputs, its log and its exit status, and carries out
//! its stop, whether or not an agent lives. It knows nothing of services, health or restarts, runs
//! no async code and stays small. The idea is containerd's shim.
//!
//! It is a subreaper: what the program leaves behind, daemons included, becomes its child and ends
//! with the program. The program dies with it, too (`PR_SET_PDEATHSIG`), so that no task runs
//! unobserved.

mod control;
mod family;
mod life;
mod log_writer;
mod pump;
mod spawn;

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use nix::{
    sys::{prctl, signal::SigSet},
    unistd,
};

use super::folder::TaskFolder;

/// Becomes the parent of the task in this folder. Returns in the calling process as soon as the
/// parent has claimed the task and listens, and in the parent when the task is over.
pub(super) fn run(folder: &Path) -> ExitCode {
    match detach(folder) {
        Ok(code) => code,
        Err(error) => {
            // Whoever started this waits for the reason here.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn detach(folder: &Path) -> io::Result<ExitCode> {
    std::env::set_current_dir(folder)?;
    let task = TaskFolder::at(".");
    let Some(claim) = task.claim()? else {
        return Err(io::Error::other("the task has a parent already"));
    };
    if task.exit().is_ok() {
        return Err(io::Error::other("the task was given up"));
    }
    let listener = control::bind(TaskFolder::CONTROL)?;
    // Every signal that asks a process to end is read by one thread; programs begin by emptying their mask.
    control::termination_signals().thread_block()?;
    // Forks while there is one thread, and leads a new session. The calling process ends in it.
    unistd::daemon(true, false)?;
    prctl::set_child_subreaper(true)?;
    let result = life::live(&task, listener);
    SigSet::empty().thread_set_mask()?;
    drop(claim);
    Ok(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}
