//! The life of one task, from its start to the last file in its folder.

use std::{
    io,
    os::unix::net::UnixListener,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{control, family::Family, pump, spawn};
use crate::runtime::process::{
    folder::{Cause, ExitRecord, TaskFolder, read_record},
    program::Program,
};

/// Pause between two looks for what the program left behind.
const SWEEP_INTERVAL: Duration = Duration::from_millis(20);
/// After this time of killing, what is still there (asleep in the kernel) is left to init.
const SWEEP_TIME_MAX: Duration = Duration::from_secs(10);
/// Time for the last output to reach the log, when all processes have ended.
const OUTPUT_TIME_MAX: Duration = Duration::from_secs(5);
/// Exit status of what was killed: 128 + SIGKILL. A shell gives it on from its last command.
const KILLED: i32 = 137;
/// Stack of a thread, in bytes.
const STACK_SIZE: usize = 128 << 10;

/// What the parent waits for.
pub(super) enum Event {
    /// The program ended, with this status.
    MainEnded(i32),
    /// No child is left.
    AllEnded,
    /// An output is read to its end.
    OutputEnded,
    /// The task shall stop.
    Stop(Cause),
}

/// Starts a thread of the parent.
pub(super) fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let builder = thread::Builder::new().name(name.into());
    builder.stack_size(STACK_SIZE).spawn(work).map(drop)
}

/// Runs the task and writes how it ended.
pub(super) fn live(task: &TaskFolder, listener: UnixListener) -> io::Result<()> {
    let program: Program = read_record(&task.path().join(TaskFolder::MAIN))?;
    let record = match spawn::spawn(task) {
        Ok(child) => run(task, &program, child, listener),
        Err(reason) => Ok(ended(126, Cause::Refused, reason)),
    };
    let record = record.unwrap_or_else(|error| {
        let message = format!("its parent process failed, and it was killed: {error}");
        ended(KILLED, Cause::Lost, message)
    });
    task.write_exit(&record)?;
    // If a health check is still in them, the agent does it.
    let _ = program.cgroups.remove();
    Ok(())
}

fn ended(code: i32, cause: Cause, message: String) -> ExitRecord {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    ExitRecord {
        code,
        cause,
        message,
        at: now.unwrap_or_default(),
    }
}

fn run(
    task: &TaskFolder,
    program: &Program,
    child: spawn::Child,
    listener: UnixListener,
) -> io::Result<ExitRecord> {
    let (sender, events) = mpsc::channel();
    let family = Arc::new(Family::of(child.pid));
    let outputs = pump::start(task, child.stdout, child.stderr, &sender);
    let reaper = family.clone();
    let reaps = sender.clone();
    let threads = thread("reaper", move || reaper.reap(&reaps))
        .and(outputs)
        .and_then(|()| task.write_running(&child.record))
        .and_then(|()| control::serve(listener, sender));
    if let Err(error) = threads {
        family.kill_all();
        return Err(error);
    }
    let mut life = Life {
        events,
        family: &family,
        outputs: pump::OUTPUTS,
        has_children: true,
    };
    let (code, cause) = life.wait_for_main(program);
    life.sweep();
    let message = match (code, cause) {
        // Killed, and not by us: by its cgroup?
        (KILLED, Cause::Itself) => program.cgroups.out_of_memory().unwrap_or_default(),
        _ => String::new(),
    };
    Ok(ended(code, cause, message))
}

struct Life<'a> {
    events: Receiver<Event>,
    family: &'a Family,
    /// Outputs that may still bring something.
    outputs: usize,
    has_children: bool,
}

impl Life<'_> {
    fn wait_for_main(&mut self, program: &Program) -> (i32, Cause) {
        let mut cause = Cause::Itself;
        let mut kill_at: Option<Instant> = None;
        loop {
            match self.next(kill_at) {
                Ok(Event::MainEnded(code)) => return (code, cause),
                Ok(Event::Stop(why)) if cause == Cause::Itself => {
                    cause = why;
                    // A grace of more than a century is none.
                    kill_at = Instant::now().checked_add(program.stop_grace);
                    self.family.signal(program.stop_signal());
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    kill_at = None;
                    self.family.kill_all();
                }
                // The reaper lives as long as the program.
                Err(RecvTimeoutError::Disconnected) => return (KILLED, Cause::Lost),
            }
        }
    }

    /// Kills what the program left behind, and waits for the rest of the output.
    fn sweep(&mut self) {
        let started = Instant::now();
        while self.has_children || self.outputs > 0 {
            let limit = match self.has_children {
                true => SWEEP_TIME_MAX,
                false => OUTPUT_TIME_MAX,
            };
            if started.elapsed() > limit {
                return;
            }
            if self.has_children {
                self.family.kill_all();
            }
            // Nothing to do with it here: `next` keeps count.
            let _ = self.next(Some(Instant::now() + SWEEP_INTERVAL));
        }
    }

    fn next(&mut self, until: Option<Instant>) -> Result<Event, RecvTimeoutError> {
        let event = match until {
            Some(at) => {
                let time = at.saturating_duration_since(Instant::now());
                self.events.recv_timeout(time)?
            }
            None => self
                .events
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected)?,
        };
        match event {
            Event::AllEnded => self.has_children = false,
            Event::OutputEnded => self.outputs = self.outputs.saturating_sub(1),
            Event::MainEnded(_) | Event::Stop(_) => {}
        }
        Ok(event)
    }
}
