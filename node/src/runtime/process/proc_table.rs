//! What /proc says of the machine's processes: enough to find a task's, and to know that a process
//! id was not given to another since.

use std::{fs, io, time::Duration};

use nix::unistd::{Pid, SysconfVar, sysconf};

/// One line of /proc/PID/stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: Pid,
    pub(super) parent: Pid,
    pub(super) session: Pid,
    /// When it started, in clock ticks since boot.
    pub(super) start_ticks: u64,
    /// Ended, and its parent did not look yet.
    pub(super) is_zombie: bool,
}

impl Process {
    /// The process of this id, if there is one now.
    pub(super) fn of(pid: Pid) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(&stat)
    }

    /// `pid (name) state ppid pgrp session ...`, proc_pid_stat(5). The name may hold anything.
    fn parse(stat: &str) -> Option<Self> {
        let (pid, _) = stat.split_once(' ')?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let id = |index: usize| Some(Pid::from_raw(fields.get(index)?.parse().ok()?));
        Some(Self {
            pid: Pid::from_raw(pid.parse().ok()?),
            is_zombie: matches!(*fields.first()?, "Z" | "X"),
            parent: id(1)?,
            session: id(3)?,
            start_ticks: fields.get(19)?.parse().ok()?,
        })
    }

    /// All processes of the machine.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let entries = fs::read_dir("/proc").ok().into_iter().flatten().flatten();
        entries.filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Self::of(Pid::from_raw(pid))
        })
    }

    /// Whether it was started with this variable in its environment.
    pub(super) fn has_variable(&self, name: &str, value: &str) -> bool {
        let wanted = format!("{name}={value}");
        fs::read(format!("/proc/{}/environ", self.pid)).is_ok_and(|environment| {
            environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == wanted.as_bytes())
        })
    }
}

/// A name of this boot of the machine.
pub(super) fn boot_id() -> io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned())
}

/// Time since boot, in steps of 10 ms.
pub(super) fn uptime() -> Option<Duration> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(uptime).ok()
}

/// How long ago a process started that started at these clock ticks.
pub(super) fn age(start_ticks: u64) -> Option<Duration> {
    let ticks_per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    let started = start_ticks as f64 / ticks_per_second as f64;
    let started = Duration::try_from_secs_f64(started).ok()?;
    Some(uptime()?.saturating_sub(started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_confuse() {
        let fields = "S 7 11 12 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2";
        let process = Process::parse(&format!("11 (a) R 1 (b) c) {fields}")).unwrap();
        assert_eq!(process.pid, Pid::from_raw(11));
        assert_eq!(process.parent, Pid::from_raw(7));
        assert_eq!(process.session, Pid::from_raw(12));
        assert_eq!(process.start_ticks, 4242);
        assert!(!process.is_zombie);
    }

    #[test]
    fn this_process_is_young_and_listed() {
        let own = Process::of(Pid::this()).unwrap();
        assert!(Process::all().any(|process| process == own));
        assert!(age(own.start_ticks).unwrap() < Duration::from_secs(3_600));
    }

    #[test]
    fn garbage_is_no_process() {
        for text in ["", "1", "1 (a", "1 (a) S", "x (a) S 1 2 3"] {
            assert_eq!(Process::parse(text), None, "{text:?}");
        }
    }
}
