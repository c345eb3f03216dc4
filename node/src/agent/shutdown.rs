//! Whether the machine itself is going down, or only the agent is to stop.
//!
//! The files that announce a shutdown (`/run/nologin`, `/run/systemd/shutdown/scheduled`) don't
//! tell: they are there minutes or days before it. So the init system is asked for its state.

use std::{process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

/// An init system that is shutting down may be slow to answer, and it waits for this agent.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// Asks systemd, or an init that has run levels. Where there is neither: no.
pub(super) async fn machine_goes_down() -> bool {
    match said_by("systemctl", &["is-system-running"]).await {
        Some(state) => state == "stopping",
        None => said_by("runlevel", &[])
            .await
            .is_some_and(|levels| goes_down(&levels)),
    }
}

/// As runlevel(8) prints them: the one before, and the one now. 0 halts, 6 reboots.
fn goes_down(levels: &str) -> bool {
    matches!(levels.split_whitespace().nth(1), Some("0" | "6"))
}

/// The first line that a program prints, whatever its exit status. None: it can't be run, says
/// nothing, or takes too long.
async fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command.stderr(Stdio::null()).kill_on_drop(true);
    let output = timeout(ANSWER_TIME_MAX, command.output())
        .await
        .ok()?
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim();
    // Without a running systemd its client says "offline": others may know more.
    (!matches!(line, "" | "offline" | "unknown")).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_level_that_halts_or_reboots_is_one() {
        assert!(goes_down("2 0") && goes_down("N 6"));
        assert!(!goes_down("N 2") && !goes_down("unknown") && !goes_down("0 3"));
    }
}
