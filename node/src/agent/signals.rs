//! How an agent is told to stop.

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use super::shutdown::machine_goes_down;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Stop the tasks and leave.
    Leave,
    /// Stop the agent alone.
    Pause,
}

/// SIGINT and SIGTERM. A task of its own listens: what SIGTERM means takes a moment to find out,
/// and nobody else should wait for that.
pub(super) struct Signals(mpsc::Receiver<Stop>);

impl Signals {
    pub(super) fn new() -> Result<Self, String> {
        let listen =
            |kind| signal(kind).map_err(|error| format!("can't listen for signals: {error}"));
        let interrupt = listen(SignalKind::interrupt())?;
        let terminate = listen(SignalKind::terminate())?;
        let (told, stops) = mpsc::channel(1);
        tokio::spawn(tell(interrupt, terminate, told));
        Ok(Self(stops))
    }

    /// Waits for the next. SIGINT leaves; SIGTERM stops the agent alone, unless the machine itself
    /// is going down.
    pub(super) async fn next(&mut self) -> Stop {
        match self.0.recv().await {
            Some(stop) => stop,
            // The listener ends only with the process.
            None => std::future::pending().await,
        }
    }
}

async fn tell(mut interrupt: Signal, mut terminate: Signal, told: mpsc::Sender<Stop>) {
    loop {
        let stop = tokio::select! {
            _ = interrupt.recv() => Stop::Leave,
            _ = terminate.recv() => {
                if machine_goes_down().await { Stop::Leave } else { Stop::Pause }
            }
        };
        if told.send(stop).await.is_err() {
            return;
        }
    }
}
