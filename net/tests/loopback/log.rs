//! What endpoints log while a test runs on this thread, as a person would read it.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tracing::{Level, subscriber::DefaultGuard};

/// Everything that was logged on this thread since it was made.
pub(crate) struct Log {
    text: Captured,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic while writing").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Reads along from now on. A `tokio::test` runs all its tasks on its own thread.
    pub(crate) fn follow() -> Self {
        let text = Captured::default();
        let sink = text.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || sink.clone())
            .finish();
        Self {
            text,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// The warnings of the endpoint that listens here.
    pub(crate) fn warnings_of(&self, here: SocketAddr) -> Vec<String> {
        let text = self.text.0.lock().expect("no panic while writing").clone();
        let here = format!("here={here}");
        let is_ours = |line: &&str| line.split(' ').any(|word| word == here);
        String::from_utf8_lossy(&text)
            .lines()
            .filter(|line| line.contains(" WARN "))
            .filter(is_ours)
            .map(str::to_owned)
            .collect()
    }
}
