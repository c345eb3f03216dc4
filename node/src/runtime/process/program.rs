//! A program to become: resolved by the agent, written to a file, carried out by a process that is
//! to be replaced by it.
//!
//! Between fork and exec only async-signal-safe code may run, which std allows through `unsafe`
//! alone. So this binary is started once more (`shoal __task FILE`): it sets cgroups, session,
//! limits, user and folder on itself, in safe code, and then replaces itself.

use std::{
    fs::File,
    io::{self, Write},
    os::{fd::AsFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use nix::{
    sys::{
        prctl,
        resource::setrlimit,
        signal::{SigSet, Signal},
        stat::{Mode, umask},
    },
    unistd::{self, Gid, Uid},
};
use serde::{Deserialize, Serialize};

use super::{cgroup::Cgroups, folder::read_record, limits, start_report::StartReport};

/// What to run, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Program {
    /// The executable file.
    pub(super) file: PathBuf,
    /// Its name first, then its arguments.
    pub(super) arguments: Vec<String>,
    /// Its whole environment.
    pub(super) environment: Vec<(String, String)>,
    /// Its working directory.
    pub(super) directory: PathBuf,
    /// None: the user that the agent runs as.
    pub(super) user: Option<Credentials>,
    /// Names as in [`limits::resource`], soft limit, hard limit.
    pub(super) limits: Vec<(String, u64, u64)>,
    /// It enters these first of all, so that whatever it starts is in them too.
    #[serde(default)]
    pub(super) cgroups: Cgroups,
    /// Number of the signal that asks it to stop.
    pub(super) stop_signal: i32,
    /// Time between that signal and SIGKILL.
    pub(super) stop_grace: std::time::Duration,
    /// It ends by SIGALRM after this many seconds. None: it dies with the process that started it.
    pub(super) lifetime_s: Option<u32>,
}

/// A user and all its groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Credentials {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
}

/// Becomes the program in this file. Returns only when that failed. What was standard input is
/// told: a [`StartReport`].
pub(super) fn become_program(file: &Path) -> ExitCode {
    let Ok(report) = io::stdin().as_fd().try_clone_to_owned() else {
        return ExitCode::from(126);
    };
    // It is closed when the program begins.
    let mut report = File::from(report);
    let failure = match read_record::<Program>(file) {
        Ok(program) => {
            let warnings = program.cgroups.enter();
            let start = StartReport {
                warnings,
                failure: String::new(),
            };
            // A health check has nobody to tell.
            let _ = report.write_all(start.to_text().as_bytes());
            program.replace_this()
        }
        Err(error) => format!("{}: {error}", file.display()),
    };
    // Nobody is left to be told when this fails.
    let _ = report.write_all(failure.as_bytes());
    ExitCode::from(126)
}

impl Program {
    /// The signal that asks it to stop.
    pub(super) fn stop_signal(&self) -> Signal {
        Signal::try_from(self.stop_signal).unwrap_or(Signal::SIGTERM)
    }

    /// Only returns on failure, with the reason.
    fn replace_this(&self) -> String {
        if let Err(error) = self.prepare_this() {
            return error;
        }
        let mut command = Command::new(&self.file);
        command
            .args(self.arguments.iter().skip(1))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(name) = self.arguments.first() {
            command.arg0(name);
        }
        let error = command.exec();
        format!("can't execute {}: {error}", self.file.display())
    }

    fn prepare_this(&self) -> Result<(), String> {
        let step = |what: &str, result: nix::Result<()>| {
            result.map_err(|error| format!("{what}: {}", error.desc()))
        };
        let null = File::open("/dev/null").map_err(|error| format!("/dev/null: {error}"))?;
        step("standard input", unistd::dup2_stdin(&null))?;
        step("new session", unistd::setsid().map(drop))?;
        // What the task's parent blocks for itself would be inherited, and no stop would be heard.
        step("signal mask", SigSet::empty().thread_set_mask())?;
        umask(Mode::S_IWGRP | Mode::S_IWOTH);
        for (name, soft, hard) in &self.limits {
            let resource = limits::resource(name).ok_or_else(|| format!("no limit {name}"))?;
            step(
                &format!("limit {name} = {soft}:{hard}"),
                setrlimit(resource, *soft, *hard),
            )?;
        }
        if let Some(user) = &self.user {
            let gid = Gid::from_raw(user.gid);
            let groups: Vec<Gid> = user.groups.iter().copied().map(Gid::from_raw).collect();
            step("groups", unistd::setgroups(&groups))?;
            step("group", unistd::setgid(gid))?;
            step("user", unistd::setuid(Uid::from_raw(user.uid)))?;
        }
        let directory = format!("working directory {}", self.directory.display());
        step(&directory, unistd::chdir(&self.directory))?;
        match self.lifetime_s {
            Some(seconds) => {
                unistd::alarm::set(seconds.max(1));
            }
            // After the change of user, which clears it.
            None => step("parent", prctl::set_pdeathsig(Signal::SIGKILL))?,
        }
        Ok(())
    }
}
