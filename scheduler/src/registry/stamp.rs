//! The hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014).
//!
//! A logical clock with a physical hint. Stamps only order concurrent siblings and tell people when
//! something was written; causality decides everything else, and no rule compares a stamp with a
//! wall clock. So a clock a year ahead, or a Pi in 1970, does no harm beyond winning or losing ties.

use std::time::Duration;

/// When something was written, by the cluster's logical clock.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    bincode::Encode,
    bincode::Decode,
)]
pub struct Stamp {
    /// Milliseconds since 1970, or the largest heard.
    pub millis: u64,
    /// Order within a millisecond.
    pub count: u32,
}

impl Stamp {
    /// As a wall time since 1970.
    #[must_use]
    pub fn as_wall(self) -> Duration {
        Duration::from_millis(self.millis)
    }
}

/// The clock that makes stamps. Each is larger than all it made or heard before, until it saturates.
#[derive(Clone, Copy, Debug, Default)]
pub struct HybridClock {
    last: Stamp,
}

impl HybridClock {
    /// A new stamp.
    pub fn tick(&mut self, wall: Duration) -> Stamp {
        let millis = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        self.last = if millis > self.last.millis {
            Stamp { millis, count: 0 }
        } else {
            self.last.successor()
        };
        self.last
    }

    /// Takes notice of a stamp of somebody else, however far ahead.
    pub fn hear(&mut self, stamp: Stamp) {
        self.last = self.last.max(stamp);
    }

    /// How far this clock has been pushed ahead of `wall` by what it heard.
    #[must_use]
    pub fn ahead_of(&self, wall: Duration) -> Duration {
        self.last.as_wall().saturating_sub(wall)
    }
}

impl Stamp {
    fn successor(self) -> Self {
        match self.count.checked_add(1) {
            Some(count) => Self { count, ..self },
            None => match self.millis.checked_add(1) {
                Some(millis) => Self { millis, count: 0 },
                None => self,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_rise_though_the_wall_clock_falls() {
        let mut clock = HybridClock::default();
        let first = clock.tick(Duration::from_secs(1000));
        let second = clock.tick(Duration::from_secs(10));
        clock.hear(Stamp {
            millis: u64::MAX,
            count: 7,
        });
        let third = clock.tick(Duration::from_secs(1001));
        assert!(first < second && second < third);
    }

    #[test]
    fn a_clock_at_its_end_saturates() {
        let mut clock = HybridClock::default();
        clock.hear(Stamp {
            millis: u64::MAX,
            count: u32::MAX,
        });
        assert_eq!(
            clock.tick(Duration::ZERO),
            Stamp {
                millis: u64::MAX,
                count: u32::MAX
            }
        );
    }
}
