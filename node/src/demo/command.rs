//! Running this binary again: as an agent, or as the commands that the demo shows.

use std::{env, io, path::PathBuf, process::Stdio, time::Duration};

use tokio::time::timeout;

use super::error::DemoError;
use crate::cli::SocketAddress;

/// Time for a command to end.
const TIME_MAX: Duration = Duration::from_secs(60);
/// Variables of this kind are options of agents and commands; the demo gives its own.
const OPTIONS: &str = "SHOAL_";
/// But this one is for whoever debugs the agents.
const LOG_FILTER: &str = "SHOAL_LOG";

/// What a command said.
#[derive(Debug)]
pub(super) struct Said {
    /// Its standard output.
    pub(super) data: String,
    /// Its standard error, a line each.
    pub(super) notes: Vec<String>,
}

/// The file of this program.
pub(super) fn binary() -> Result<PathBuf, String> {
    env::current_exe()
        .map_err(|error: io::Error| format!("can't tell which file shoal is: {error}"))
}

/// The variables that an agent or command must not see.
pub(super) fn options() -> impl Iterator<Item = std::ffi::OsString> {
    env::vars_os().map(|(name, _)| name).filter(|name| {
        name.to_str()
            .is_some_and(|name| name.starts_with(OPTIONS) && name != LOG_FILTER)
    })
}

/// Runs `shoal ARGUMENTS` against the agent behind this socket.
///
/// # Errors
/// What the command said when it failed.
pub(super) async fn shoal(agent: &SocketAddress, arguments: &[&str]) -> Result<Said, DemoError> {
    let what = format!("shoal {}", arguments.join(" "));
    let mut command = tokio::process::Command::new(binary()?);
    for name in options() {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .env("SHOAL_HOST", agent.to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(TIME_MAX, command.output()).await.map_err(|_| {
        DemoError::failed(format!(
            "`{what}` did not end within {} s",
            TIME_MAX.as_secs()
        ))
    })?;
    let output =
        output.map_err(|error| DemoError::failed(format!("can't run `{what}`: {error}")))?;
    let notes = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(DemoError::failed(format!(
            "`{what}` failed: {}",
            notes.trim()
        )));
    }
    Ok(Said {
        data: String::from_utf8_lossy(&output.stdout).into_owned(),
        notes: notes.lines().map(str::to_owned).collect(),
    })
}
