//! Waits until services run, and shows how it goes.
//!
//! It only watches: ^C ends the watching, never what is being watched. It gives up when an update
//! was paused or rolled back, when what is pending has stayed so with the same reason for a while,
//! or when its time is over.

mod picture;
mod screen;

use std::time::Duration;

use tokio::time::Instant;

use self::{picture::Picture, screen::Screen};
use super::{error::CliError, session::Session};

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Tasks that are pending, for reasons that have not changed for this long, stay so.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// What to wait for.
pub(crate) struct Wait {
    /// Ids of services.
    pub(crate) services: Vec<String>,
    /// All must have run for this long.
    pub(crate) settle: Duration,
    /// Give up after this.
    pub(crate) limit: Duration,
    /// Whether to show how it goes.
    pub(crate) quiet: bool,
    /// Whether going back to the spec before is what was asked for.
    pub(crate) rollback_ordered: bool,
    /// What to say when the person stops watching.
    pub(crate) on_interrupt: String,
}

/// Waits until all services run.
pub(crate) async fn run(session: &mut Session, wait: &Wait) -> Result<(), CliError> {
    session.out.flush()?;
    tokio::select! {
        // A first ^C ends the waiting even if the agent is silent.
        biased;
        _ = tokio::signal::ctrl_c() => Err(CliError::Interrupted(wait.on_interrupt.clone())),
        result = watch(session, wait) => result,
    }
}

async fn watch(session: &mut Session, wait: &Wait) -> Result<(), CliError> {
    let mut screen = Screen::new(wait.quiet);
    let started = Instant::now();
    let mut running_since: Option<Instant> = None;
    let mut unchanged: Option<(String, Instant)> = None;
    loop {
        let picture = picture::take(&session.client, &wait.services).await?;
        screen.show(&mut session.out, &picture)?;
        if let Some(failure) = picture.failure(wait.rollback_ordered) {
            return Err(CliError::Failed(failure));
        }
        let now = Instant::now();
        if picture.is_complete() {
            let since = *running_since.get_or_insert(now);
            if picture.is_final() || now - since >= wait.settle {
                return screen.finish(&mut session.out, &picture);
            }
        } else {
            running_since = None;
        }
        if stuck(&picture, &mut unchanged, now) {
            return Err(given_up("it can't run everything", &picture));
        }
        if now - started >= wait.limit {
            let time = wait.limit.as_secs();
            return Err(given_up(&format!("not all runs after {time} s"), &picture));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether there are reasons for what does not run, and they have not changed for a while.
fn stuck(picture: &Picture, unchanged: &mut Option<(String, Instant)>, now: Instant) -> bool {
    let Some(reasons) = picture.blocked() else {
        *unchanged = None;
        return false;
    };
    match unchanged {
        Some((before, since)) if *before == reasons => now - *since >= STUCK_AFTER,
        _ => {
            *unchanged = Some((reasons, now));
            false
        }
    }
}

fn given_up(what: &str, picture: &Picture) -> CliError {
    let mut lines = vec![what.to_owned()];
    lines.extend(
        picture
            .reasons()
            .into_iter()
            .map(|line| format!("  {line}")),
    );
    CliError::Failed(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pending(reason: &str) -> Picture {
        let service = json!({"ID": "s1", "Spec": {"Name": "web",
                             "Mode": {"Replicated": {"Replicas": 1}}}});
        let task = json!({"ServiceID": "s1", "Slot": 1, "DesiredState": "running",
                          "Status": {"State": "pending", "Err": reason}});
        Picture::of(&["s1".into()], &[service], &[task])
    }

    #[test]
    fn stuck_means_the_same_reason_for_a_while() {
        let start = Instant::now();
        let mut unchanged = None;
        assert!(!stuck(&pending("no room"), &mut unchanged, start));
        let nearly = start + STUCK_AFTER - Duration::from_millis(1);
        assert!(!stuck(&pending("no room"), &mut unchanged, nearly));
        // Another reason starts the clock again.
        assert!(!stuck(
            &pending("port taken"),
            &mut unchanged,
            start + STUCK_AFTER
        ));
        assert!(stuck(
            &pending("port taken"),
            &mut unchanged,
            start + 2 * STUCK_AFTER
        ));
        // Without a reason something is under way.
        assert!(!stuck(
            &pending(""),
            &mut unchanged,
            start + 3 * STUCK_AFTER
        ));
    }
}
