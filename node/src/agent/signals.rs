//! How an agent is told to stop.

use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Stop the tasks and leave.
    Leave,
    /// Stop the agent alone.
    Pause,
}

/// SIGINT and SIGTERM.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, String> {
        let listen =
            |kind| signal(kind).map_err(|error| format!("can't listen for signals: {error}"));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for the next. SIGINT leaves; SIGTERM stops the agent alone, unless the machine itself
    /// is going down.
    pub(super) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Leave,
            _ = self.terminate.recv() => if machine_goes_down() { Stop::Leave } else { Stop::Pause },
        }
    }
}

/// systemd makes these when it begins to shut a machine down.
fn machine_goes_down() -> bool {
    ["/run/nologin", "/run/systemd/shutdown/scheduled"]
        .iter()
        .any(|path| Path::new(path).exists())
}
