//! From a spec to a program, or to the reason why this node can't run it.
//!
//! What would change what the task is (files it needs, the user it runs as) is refused. What only
//! confines a task less than asked for is a warning.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use shoal_scheduler::spec::{ContainerSpec, ServiceSpec};

use super::{
    cgroup::Cgroups,
    environment,
    folder::{LaunchRecord, PortRecord},
    limits, ports,
    program::Program,
    stop_signal, user,
};
use crate::runtime::{Launch, template::BadTemplate};

/// Most arguments and variables of one program, in bytes: well below the kernel's limit.
const ARGUMENTS_SIZE_MAX: usize = 1 << 20;
/// A health check that outlives the agent ends this long after its timeout.
const CHECK_MARGIN: Duration = Duration::from_secs(5);

/// Why this node can't run a task.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("image {0} needs a container engine, and this node has none")]
    Image(String),
    #[error("there is no command to run")]
    NoCommand,
    #[error("{what} need a container engine: this node runs commands as plain processes")]
    NeedsEngine { what: &'static str },
    #[error("executable not found: {name} (looked in PATH={path})")]
    NotFound { name: String, path: String },
    #[error("{} is not an executable file", .0.display())]
    NotExecutable(PathBuf),
    #[error("working directory {0} does not exist on this node")]
    NoDirectory(String),
    #[error("the command line has more than {ARGUMENTS_SIZE_MAX} bytes")]
    TooLong,
    #[error("a healthcheck begins with CMD, CMD-SHELL or NONE, not {0:?}")]
    Healthcheck(String),
    #[error("{0}")]
    Files(String),
    #[error(transparent)]
    Template(#[from] BadTemplate),
    #[error(transparent)]
    User(#[from] user::UserError),
    #[error(transparent)]
    Limit(#[from] limits::LimitError),
    #[error(transparent)]
    StopSignal(#[from] stop_signal::SignalError),
    #[error(transparent)]
    Port(#[from] ports::NoPort),
    #[error("the task's folder {} can't be written: {cause}", folder.display())]
    Folder {
        folder: PathBuf,
        cause: std::io::Error,
    },
    #[error("the task's parent process can't be started: {0}")]
    Parent(String),
}

/// All that the task's folder holds before the start.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) record: LaunchRecord,
    pub(super) main: Program,
    pub(super) check: Option<Program>,
}

impl Prepared {
    /// Has the programs enter these.
    pub(super) fn set_cgroups(&mut self, cgroups: &Cgroups) {
        for program in [&mut self.main].into_iter().chain(&mut self.check) {
            program.cgroups = cgroups.clone();
        }
    }
}

/// Checks a task and resolves everything about it. Its ports are chosen already.
pub(super) fn prepare(launch: Launch, ports: Vec<PortRecord>) -> Result<Prepared, Refusal> {
    let container = launch.spec.container();
    check_needs(container)?;
    let command = container.command_line();
    if command.first().is_none_or(String::is_empty) {
        return Err(Refusal::NoCommand);
    }
    let account = user::resolve(container)?;
    launch.check_files().map_err(Refusal::Files)?;
    if let Some(folder) = &launch.files.folder {
        user::give(folder, account.credentials.as_ref()).map_err(|cause| Refusal::Folder {
            folder: folder.clone(),
            cause,
        })?;
    }
    let environment = environment::environment(&launch, &ports, &account.home)?;
    let sizes = environment
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2);
    let size: usize =
        sizes.sum::<usize>() + command.iter().map(|word| word.len() + 1).sum::<usize>();
    if size > ARGUMENTS_SIZE_MAX {
        return Err(Refusal::TooLong);
    }
    let directory = directory(container)?;
    let limits = container.ulimits.iter().map(limits::resolve);
    let main = Program {
        file: find(&command[0], &environment, &directory)?,
        arguments: command,
        environment,
        directory,
        user: account.credentials,
        limits: limits.collect::<Result<_, _>>()?,
        // Made when all else is known to be right.
        cgroups: Cgroups::default(),
        stop_signal: stop_signal::parse(&container.stop_signal)? as i32,
        stop_grace: container.stop_grace(),
        lifetime_s: None,
    };
    let check = check(container, &main)?;
    let warnings = warnings(&launch.spec);
    Ok(Prepared {
        record: LaunchRecord::new(launch, ports, warnings),
        main,
        check,
    })
}

fn check_needs(container: &ContainerSpec) -> Result<(), Refusal> {
    if !container.is_process() {
        return Err(Refusal::Image(container.image.clone()));
    }
    match container.mounts.is_empty() {
        true => Ok(()),
        false => Err(Refusal::NeedsEngine { what: "mounts" }),
    }
}

fn directory(container: &ContainerSpec) -> Result<PathBuf, Refusal> {
    let directory = match container.dir.as_str() {
        "" => "/",
        directory => directory,
    };
    let path = Path::new("/").join(directory);
    match path.is_dir() {
        true => Ok(path),
        false => Err(Refusal::NoDirectory(directory.to_owned())),
    }
}

/// Finds an executable as a shell would, with the task's own `PATH`.
fn find(
    name: &str,
    environment: &[(String, String)],
    directory: &Path,
) -> Result<PathBuf, Refusal> {
    if name.contains('/') {
        let file = directory.join(name);
        return match is_executable(&file) {
            true => Ok(file),
            false => Err(Refusal::NotExecutable(file)),
        };
    }
    let path = environment::value(environment, "PATH").unwrap_or_default();
    path.split(':')
        .map(|folder| directory.join(folder).join(name))
        .find(|file| is_executable(file))
        .ok_or_else(|| Refusal::NotFound {
            name: name.to_owned(),
            path: path.to_owned(),
        })
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// The health check's program: as the task's own, with another command.
fn check(container: &ContainerSpec, main: &Program) -> Result<Option<Program>, Refusal> {
    let Some(check) = container
        .healthcheck
        .as_ref()
        .filter(|check| check.is_active())
    else {
        return Ok(None);
    };
    let arguments: Vec<String> = match check.test.split_first() {
        Some((word, command)) if word == "CMD" => command.to_vec(),
        Some((word, line)) if word == "CMD-SHELL" => {
            let shell = ["/bin/sh", "-c"].map(String::from);
            shell.into_iter().chain(line.first().cloned()).collect()
        }
        Some((word, _)) => return Err(Refusal::Healthcheck(word.clone())),
        None => return Ok(None),
    };
    let timeout = super::health::timeout_of(check);
    let lifetime = timeout.saturating_add(CHECK_MARGIN).as_secs();
    Ok(Some(Program {
        file: find(&arguments[0], &main.environment, &main.directory)?,
        arguments,
        lifetime_s: Some(u32::try_from(lifetime).unwrap_or(u32::MAX)),
        ..main.clone()
    }))
}

/// What a plain process does not honour, a sentence each.
fn warnings(spec: &ServiceSpec) -> Vec<String> {
    let container = spec.container();
    let ignored = [
        (container.read_only, "read-only root file system"),
        (container.tty, "terminal (tty)"),
        (container.open_stdin, "open standard input"),
        (container.init == Some(true), "init process"),
        (!container.hosts.is_empty(), "extra hosts"),
        (!container.sysctls.is_empty(), "sysctls"),
        (!container.capability_add.is_empty(), "added capabilities"),
        (
            !container.capability_drop.is_empty(),
            "dropped capabilities",
        ),
    ];
    let ignored = ignored.into_iter().filter(|(is_set, _)| *is_set);
    ignored
        .map(|(_, what)| format!("{what}: not honoured for a plain process"))
        .collect()
}
