//! The folder of one task, `DATA-DIR/tasks/ID`: all that is known of the task, in small files.
//!
//! | file | written by | what |
//! |---|---|---|
//! | `launch.json` | agent, once, fsynced before anything starts | [`LaunchRecord`] |
//! | `main.json`, `check.json` | agent, once | programs: the task's own and its health check's |
//! | `claim` | parent, which holds its lock all its life | nothing |
//! | `control` | parent | the socket on which it listens |
//! | `running.json` | parent, when the program runs | [`RunningRecord`] |
//! | `healthy` | agent, when the task was healthy first | [`Moment`] |
//! | `log.N` | parent | the last two pieces of the log |
//! | `exit.json` | parent, last of all, fsynced (or the agent, when there is no parent left) | [`ExitRecord`] |
//!
//! A file is there whole or not at all; one that can't be read counts as lost.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::unistd::Pid;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shoal_scheduler::{
    spec::Protocol,
    task::{TaskId, TaskPort},
};

use super::{cgroup::Cgroups, moment::Moment, proc_table, program::Program};
use crate::runtime::{Change, Launch};

/// Version of what is in the files. One of another version counts as lost.
const FORMAT: u32 = 1;
/// A record larger than this is none of ours, in bytes: a spec has at most 1 MiB.
const RECORD_SIZE_MAX: u64 = 8 << 20;

/// What a task is and got, as the agent wrote it before the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LaunchRecord {
    format: u32,
    pub(super) launch: Launch,
    pub(super) ports: Vec<PortRecord>,
    pub(super) warnings: Vec<String>,
}

impl LaunchRecord {
    pub(super) fn new(launch: Launch, ports: Vec<PortRecord>, warnings: Vec<String>) -> Self {
        Self {
            format: FORMAT,
            launch,
            ports,
            warnings,
        }
    }
}

/// A port of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PortRecord {
    pub(super) target: u16,
    pub(super) host: u16,
    pub(super) protocol: Protocol,
}

impl From<PortRecord> for TaskPort {
    fn from(port: PortRecord) -> Self {
        Self {
            target: port.target,
            host: port.host,
            protocol: port.protocol,
        }
    }
}

/// The task's process, which is also its process group and session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunningRecord {
    pub(super) pid: i32,
    /// When it started, in clock ticks since boot: with the pid, a name that is not used twice.
    pub(super) start_ticks: u64,
    /// The boot that these numbers are of.
    pub(super) boot: String,
    /// When it started. None: written by a version that did not say.
    #[serde(default)]
    started: Option<Moment>,
    /// What turned out at the start not to be honoured, a sentence each.
    #[serde(default)]
    pub(super) warnings: Vec<String>,
}

impl RunningRecord {
    /// Of a process that started now.
    pub(super) fn new(pid: Pid, start_ticks: u64, warnings: Vec<String>) -> io::Result<Self> {
        Ok(Self {
            pid: pid.as_raw(),
            start_ticks,
            boot: proc_table::boot_id()?,
            started: Some(Moment::now()),
            warnings,
        })
    }

    /// When it started.
    pub(super) fn started(&self) -> Moment {
        let by_ticks = || Moment::ago(proc_table::age(self.start_ticks).unwrap_or_default());
        self.started.unwrap_or_else(by_ticks)
    }
}

/// Why a task ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Cause {
    /// By itself.
    #[default]
    Itself,
    /// It was asked to stop.
    Stopped,
    /// It failed its health check.
    Unhealthy,
    /// It never started: this node can't run it.
    Refused,
    /// Nobody saw how.
    Lost,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExitRecord {
    pub(super) code: i32,
    pub(super) cause: Cause,
    /// A word on a refusal or a loss, or on an end that has a reason.
    pub(super) message: String,
    /// Since 1970-01-01 UTC.
    pub(super) at: Duration,
}

impl ExitRecord {
    /// The same, as the agent hears it.
    pub(super) fn change(self) -> Change {
        let Self {
            code,
            cause,
            message,
            at,
        } = self;
        let error = match cause {
            Cause::Refused => return Change::Refused { reason: message },
            Cause::Lost => format!("task: {message}"),
            Cause::Unhealthy if code == 0 => "task: unhealthy container".into(),
            Cause::Unhealthy => {
                format!("task: non-zero exit ({code}): dockerexec: unhealthy container")
            }
            Cause::Itself if code != 0 && !message.is_empty() => {
                format!("task: non-zero exit ({code}): {message}")
            }
            Cause::Itself if code != 0 => format!("task: non-zero exit ({code})"),
            Cause::Itself | Cause::Stopped => String::new(),
        };
        Change::Exited {
            code,
            error,
            stopped: cause == Cause::Stopped,
            at,
        }
    }
}

/// Paths in a task's folder, and how its files are read and written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TaskFolder(PathBuf);

impl TaskFolder {
    pub(super) const MAIN: &str = "main.json";
    pub(super) const CHECK: &str = "check.json";
    const LAUNCH: &str = "launch.json";
    const RUNNING: &str = "running.json";
    const EXIT: &str = "exit.json";
    const HEALTHY: &str = "healthy";
    const CLAIM: &str = "claim";
    /// Relative to the folder: a socket's path has at most 107 bytes.
    pub(super) const CONTROL: &str = "control";

    pub(super) fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder, for its owner alone.
    pub(super) fn create(&self) -> io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
    }

    pub(super) fn launch(&self) -> io::Result<LaunchRecord> {
        let record: LaunchRecord = self.read(Self::LAUNCH)?;
        if record.format != FORMAT {
            let message = format!("written by another version (format {})", record.format);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(record)
    }

    /// The cgroups that were made for this task, or were about to be. None that can't be its.
    pub(super) fn cgroups(&self, task: TaskId) -> Cgroups {
        let program = self.read::<Program>(Self::MAIN);
        program.map_or_else(
            |_| Cgroups::default(),
            |program| program.cgroups.of_task(task),
        )
    }

    pub(super) fn running(&self) -> io::Result<RunningRecord> {
        self.read(Self::RUNNING)
    }

    pub(super) fn exit(&self) -> io::Result<ExitRecord> {
        self.read(Self::EXIT)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.0.join(Self::EXIT).exists() || !self.0.exists()
    }

    /// When the task was healthy first, if it was. A file that does not say when stands for `else_at`.
    pub(super) fn healthy_since(&self, else_at: Moment) -> Option<Moment> {
        match self.read(Self::HEALTHY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            record => Some(record.unwrap_or(else_at)),
        }
    }

    pub(super) fn write_launch(&self, record: &LaunchRecord) -> io::Result<()> {
        self.write(Self::LAUNCH, record, Durability::Disk)
    }

    pub(super) fn write_running(&self, record: &RunningRecord) -> io::Result<()> {
        self.write(Self::RUNNING, record, Durability::Boot)
    }

    pub(super) fn write_exit(&self, record: &ExitRecord) -> io::Result<()> {
        self.write(Self::EXIT, record, Durability::Disk)
    }

    pub(super) fn write_healthy(&self, first: &Moment) -> io::Result<()> {
        self.write(Self::HEALTHY, first, Durability::Boot)
    }

    /// Writes a program. Not fsynced: after a power cut nothing here is started again.
    pub(super) fn write_program(&self, name: &str, program: &impl Serialize) -> io::Result<()> {
        self.write(name, program, Durability::Boot)
    }

    /// The exclusive right to decide how the task goes on, for as long as the file is kept. Nothing
    /// when another process has it. The parent holds it all its life, so this also tells whether
    /// there is one, whatever became of process ids.
    pub(super) fn claim(&self) -> io::Result<Option<File>> {
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.0.join(Self::CLAIM))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<T> {
        read_record(&self.0.join(name))
    }

    fn write(&self, name: &str, record: &impl Serialize, until: Durability) -> io::Result<()> {
        let draft = self.0.join(format!(".{name}"));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        if until == Durability::Disk {
            file.sync_all()?;
        }
        fs::rename(&draft, self.0.join(name))?;
        if until == Durability::Disk {
            File::open(&self.0)?.sync_all()?;
        }
        Ok(())
    }
}

/// What a file has to survive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// The end of the process that wrote it.
    Boot,
    /// A power cut.
    Disk,
}

/// Reads one record.
pub(super) fn read_record<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    use io::Read;
    let mut text = Vec::new();
    File::open(path)?
        .take(RECORD_SIZE_MAX)
        .read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_file_is_an_error_and_not_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let task = TaskFolder::at(folder.path());
        let record = ExitRecord {
            code: 3,
            cause: Cause::Itself,
            message: String::new(),
            at: Duration::from_secs(1),
        };
        task.write_exit(&record).unwrap();
        assert_eq!(task.exit().unwrap(), record);
        let whole = fs::read(folder.path().join("exit.json")).unwrap();
        for length in 0..whole.len() {
            fs::write(folder.path().join("exit.json"), &whole[..length]).unwrap();
            assert!(task.exit().is_err(), "{length}");
        }
        fs::write(folder.path().join("exit.json"), vec![0; whole.len()]).unwrap();
        assert!(task.exit().is_err());
    }

    #[test]
    fn a_claim_excludes_others_until_it_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let task = TaskFolder::at(folder.path());
        let claim = task.claim().unwrap();
        assert!(claim.is_some());
        assert!(task.claim().unwrap().is_none());
        drop(claim);
        assert!(task.claim().unwrap().is_some());
    }

    #[test]
    fn an_end_is_told_in_swarms_words() {
        let end = |code, cause, message: &str| {
            let message = message.to_owned();
            let at = Duration::ZERO;
            match (ExitRecord {
                code,
                cause,
                message,
                at,
            })
            .change()
            {
                Change::Exited { error, .. } => error,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(end(0, Cause::Itself, ""), "");
        assert_eq!(end(143, Cause::Stopped, ""), "");
        assert_eq!(end(2, Cause::Itself, ""), "task: non-zero exit (2)");
        assert_eq!(
            end(137, Cause::Itself, "out of memory (limit 64MiB)"),
            "task: non-zero exit (137): out of memory (limit 64MiB)"
        );
        assert_eq!(
            end(137, Cause::Lost, "lost its parent"),
            "task: lost its parent"
        );
        assert_eq!(
            end(137, Cause::Unhealthy, ""),
            "task: non-zero exit (137): dockerexec: unhealthy container"
        );
    }
}
