//! Starting the task's program.

use std::{
    io::{self, Read},
    os::unix::process::CommandExt,
    process::{ChildStderr, ChildStdout, Command, Stdio},
};

use nix::unistd::Pid;

use crate::runtime::process::{
    OWN_BINARY, SUBCOMMAND,
    folder::{RunningRecord, TaskFolder},
    proc_table::Process,
    start_report::StartReport,
};

/// Longest report of a start, in bytes.
const REPORT_SIZE_MAX: u64 = 16 << 10;

/// The running program.
pub(super) struct Child {
    pub(super) pid: Pid,
    pub(super) record: RunningRecord,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// Starts the program and waits until it is itself. To be called on the main thread: the program
/// dies with the thread that started it.
///
/// # Errors
/// Why it can't be started, for people.
pub(super) fn spawn(task: &TaskFolder) -> Result<Child, String> {
    let words = |error: io::Error| format!("can't start a process: {error}");
    let (mut report, report_end) = io::pipe().map_err(words)?;
    let mut command = Command::new(OWN_BINARY);
    command
        .arg0("shoal")
        .arg(SUBCOMMAND)
        .arg(task.path().join(TaskFolder::MAIN))
        .stdin(report_end)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(words)?;
    // It holds our copy of the pipe's other end.
    drop(command);
    let mut text = String::new();
    let read = report
        .by_ref()
        .take(REPORT_SIZE_MAX)
        .read_to_string(&mut text);
    let said = StartReport::parse(&text);
    if !said.failure.is_empty() || read.is_err() {
        // It has said its last word and ends.
        let _ = child.wait();
        return Err(said.failure);
    }
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("can't start a process: it has no outputs".into());
    };
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    // One that has ended already is a zombie until the reaper comes, and still listed.
    let start_ticks = Process::of(pid).map_or(0, |process| process.start_ticks);
    let record = RunningRecord::new(pid, start_ticks, said.warnings).map_err(words)?;
    Ok(Child {
        pid,
        record,
        stdout,
        stderr,
    })
}
