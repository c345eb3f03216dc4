//! The one clock type. The pure crates never read a clock; whoever drives them says what time it is.

use std::time::Duration;

/// A moment, as the driver of a pure core sees it.
///
/// `monotonic` alone decides timers, deadlines and ages. `wall` is only shown to people and fed to
/// the hybrid logical clock: a Raspberry Pi boots in 1970, so no rule may trust it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Now {
    /// Time since an arbitrary moment of this run, never going back.
    pub monotonic: Duration,
    /// Time since 1970-01-01 UTC by the machine's clock, which may jump.
    pub wall: Duration,
}

impl Now {
    /// Both clocks moved on by `by`.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self {
            monotonic: self.monotonic.saturating_add(by),
            wall: self.wall.saturating_add(by),
        }
    }
}
