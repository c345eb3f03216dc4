//! The machine's processes, as /proc shows them; and how everything that a test started ends.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A process with its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    parent: i32,
    is_zombie: bool,
}

impl Process {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let is_zombie = matches!(fields.next()?, "Z" | "X");
        let parent = fields.next()?.parse().ok()?;
        Some(Self {
            pid,
            parent,
            is_zombie,
        })
    }

    /// All that run.
    pub(crate) fn all() -> Vec<Self> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(Self::of)
            .filter(|process| !process.is_zombie)
            .collect()
    }

    fn names(&self, folder: &Path) -> bool {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy())
    }

    /// Its environment, where we may read it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let bytes = fs::read(format!("/proc/{}/environ", self.pid)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let pairs = text.split('\0').filter_map(|entry| entry.split_once('='));
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

/// Whether there is a process of this id, ended ones that nobody looked after aside.
#[must_use]
pub fn is_alive(pid: i32) -> bool {
    Process::of(pid).is_some_and(|process| !process.is_zombie)
}

/// Sends a signal, if the process is still there.
pub(crate) fn signal(pid: i32, signal: Signal) {
    // It may have ended just now: then all is well.
    let _ = kill(Pid::from_raw(pid), signal);
}

/// All processes whose command line names the folder, and all that descend from them.
pub(crate) fn below(folder: &Path) -> BTreeSet<i32> {
    let all = Process::all();
    let me = i32::try_from(std::process::id()).unwrap_or_default();
    let named = all.iter().filter(|one| one.pid != me && one.names(folder));
    let mut found: BTreeSet<i32> = named.map(|process| process.pid).collect();
    loop {
        let before = found.len();
        let children = all.iter().filter(|one| found.contains(&one.parent));
        let children: Vec<i32> = children.map(|process| process.pid).collect();
        found.extend(children);
        if found.len() == before {
            return found;
        }
    }
}

/// Ends what a folder's agents started: tasks' parents, tasks, and what these started.
pub fn end_all_below(folder: &Path) {
    // One agent may have started one more while we looked. Ten rounds are more than any needs.
    for _ in 0..10 {
        let found = below(folder);
        if found.is_empty() {
            return;
        }
        for pid in &found {
            signal(*pid, Signal::SIGKILL);
        }
        for _ in 0..100 {
            if !found.iter().any(|pid| is_alive(*pid)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
