//! The one place where the agent reads clocks.

use std::time::{Duration, Instant, SystemTime};

use shoal_membership::Now;

/// Monotonic time since the agent's start, and wall time since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> Now {
        // Before 1970, as on a board without a battery, is 1970.
        let wall = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            monotonic: self.start.elapsed(),
            wall,
        }
    }

    /// When it will be that monotonic time.
    pub(super) fn instant(&self, monotonic: Duration) -> tokio::time::Instant {
        (self.start + monotonic).into()
    }
}
