//! Tasks whose parent is gone: nobody watches them, so nothing of them may go on.

use std::{
    fs::File,
    io, thread,
    time::{Duration, Instant, SystemTime},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use shoal_scheduler::task::TaskId;

use super::{
    cgroup::Cgroups,
    environment,
    folder::{Cause, ExitRecord, RunningRecord, TaskFolder},
    proc_table::{Process, boot_id},
};

/// Time for killed processes to go.
const KILL_TIME_MAX: Duration = Duration::from_secs(5);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Ends what is left of a task and writes that it was lost. Blocks for at most about 5 s.
///
/// The claim proves that the task has no parent, and that none comes.
pub(super) fn give_up(folder: &TaskFolder, task: TaskId, _claim: &File) -> io::Result<ExitRecord> {
    let running = folder.running();
    let boot = boot_id()?;
    let cgroups = folder.cgroups(task);
    let known = running.as_ref().ok().filter(|record| record.boot == boot);
    kill_leftovers(task, known, &cgroups);
    let message = match running {
        Ok(record) if record.boot == boot => "it lost its parent process, and was killed",
        Ok(_) => "the machine went down while it ran",
        Err(_) => "there is no record of its process",
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let record = ExitRecord {
        code: 137,
        cause: Cause::Lost,
        message: message.into(),
        at: now.unwrap_or_default(),
    };
    // The claim is proof enough: whoever comes later and finds no record concludes the same.
    if let Err(error) = folder.write_exit(&record) {
        tracing::warn!(%task, %error, "the end of a lost task can't be written down");
    }
    Ok(record)
}

/// Kills every process of a task: its program, named by id and start time, all that carry the
/// task's id in their environment, and all in its cgroups.
pub(super) fn kill_leftovers(task: TaskId, running: Option<&RunningRecord>, cgroups: &Cgroups) {
    let id = task.to_string();
    let started = Instant::now();
    loop {
        let mut is_done = true;
        let members = cgroups.members();
        let is_leftover = |process: &Process| {
            let is_member = members.contains(&process.pid.as_raw()) && is_another(process);
            is_member || is_of(process, &id, running)
        };
        for process in Process::all().filter(is_leftover) {
            is_done = false;
            // Gone already, if it fails.
            let _ = kill(process.pid, Signal::SIGKILL);
        }
        if is_done || started.elapsed() > KILL_TIME_MAX {
            return;
        }
        thread::sleep(PAUSE);
    }
}

fn is_of(process: &Process, task: &str, running: Option<&RunningRecord>) -> bool {
    let is_main = running.is_some_and(|record| {
        process.pid.as_raw() == record.pid && process.start_ticks == record.start_ticks
    });
    is_another(process) && (is_main || process.has_variable(environment::TASK_ID, task))
}

/// Whether it lives and is not this one.
fn is_another(process: &Process) -> bool {
    process.pid != Pid::this() && !process.is_zombie
}
