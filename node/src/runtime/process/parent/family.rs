//! The children of the parent: the task's program, and what it left behind.

use std::{
    sync::{Mutex, MutexGuard, PoisonError, mpsc::Sender},
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid},
    },
    unistd::Pid,
};

use super::life::Event;
use crate::runtime::process::proc_table::Process;

/// Pause after a wait that failed for no known reason.
const PAUSE: Duration = Duration::from_millis(100);

/// The program, and whether its id still names it. Reaping and signalling exclude each other: an
/// id that was reaped may soon be another's.
pub(super) struct Family {
    main: Pid,
    is_alive: Mutex<bool>,
}

impl Family {
    pub(super) fn of(main: Pid) -> Self {
        Self {
            main,
            is_alive: Mutex::new(true),
        }
    }

    fn is_alive(&self) -> MutexGuard<'_, bool> {
        self.is_alive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a signal to the program's process group.
    pub(super) fn signal(&self, signal: Signal) {
        if *self.is_alive() {
            // It may have ended a moment ago, which the reaper will tell.
            let _ = killpg(self.main, signal);
        }
    }

    /// Kills all that is left, in whatever session.
    pub(super) fn kill_all(&self) {
        self.signal(Signal::SIGKILL);
        let parent = Pid::this();
        for process in Process::all().filter(|process| process.parent == parent) {
            let _alive = self.is_alive();
            // Only the reaper frees its id, and that waits for the lock.
            if Process::of(process.pid) == Some(process) {
                let _ = kill(process.pid, Signal::SIGKILL);
            }
        }
    }

    /// Reaps until there is no child left; reports the program's end and the end of all.
    pub(super) fn reap(&self, events: &Sender<Event>) {
        loop {
            match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
                Ok(status) => {
                    if let Some(pid) = status.pid() {
                        self.reap_one(pid, events);
                    }
                }
                Err(Errno::ECHILD) => break,
                Err(Errno::EINTR) => {}
                Err(_) => thread::sleep(PAUSE),
            }
        }
        // The receiver is there until it has heard this.
        let _ = events.send(Event::AllEnded);
    }

    fn reap_one(&self, pid: Pid, events: &Sender<Event>) {
        let mut is_alive = self.is_alive();
        let Ok(status) = waitpid(pid, Some(WaitPidFlag::WNOHANG)) else {
            return;
        };
        let code = match status {
            WaitStatus::Exited(_, code) => code,
            WaitStatus::Signaled(_, signal, _) => 128 + signal as i32,
            _ => return,
        };
        if pid == self.main {
            *is_alive = false;
            let _ = events.send(Event::MainEnded(code));
        }
    }
}
