//! When something happened, by two clocks: the wall's, which may be set, and the time since boot,
//! which nobody sets. A machine without a battery for its clock, such as a Raspberry Pi, boots with
//! a wrong one and learns the time later; what started before then did not start years ago.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::proc_table;

/// A wall clock that went wrong by less than this was not set: two clocks can't be read at once.
const SET_BY_MIN: Duration = Duration::from_secs(2);

/// A moment since the last boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moment {
    /// Since 1970-01-01 UTC, by the wall clock of then.
    wall: Duration,
    /// Since boot.
    uptime: Duration,
}

impl Moment {
    /// Now. Without /proc the wall clock alone counts, as if it were never set.
    pub(super) fn now() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let wall = wall.unwrap_or_default();
        Self {
            wall,
            uptime: proc_table::uptime().unwrap_or(wall),
        }
    }

    /// The moment this long ago.
    pub(super) fn ago(age: Duration) -> Self {
        let Self { wall, uptime } = Self::now();
        Self {
            wall: wall.saturating_sub(age),
            uptime: uptime.saturating_sub(age),
        }
    }

    /// When it was by the wall clock as it goes now, since 1970-01-01 UTC.
    pub(super) fn wall(&self) -> Duration {
        self.wall_at(&Self::now())
    }

    fn wall_at(&self, now: &Self) -> Duration {
        let age = now.uptime.saturating_sub(self.uptime);
        let by_age = now.wall.saturating_sub(age);
        match by_age.abs_diff(self.wall) < SET_BY_MIN {
            true => self.wall,
            false => by_age,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall_s: u64, uptime_s: u64) -> Moment {
        Moment {
            wall: Duration::from_secs(wall_s),
            uptime: Duration::from_secs(uptime_s),
        }
    }

    #[test]
    fn a_clock_that_goes_on_changes_nothing() {
        let start = moment(1_000_000, 100);
        let now = Moment {
            wall: Duration::from_millis(1_000_501_900),
            uptime: Duration::from_secs(600),
        };
        assert_eq!(start.wall_at(&now), start.wall);
    }

    #[test]
    fn a_clock_that_was_set_moves_what_was_before() {
        let started_in_1970 = moment(30, 20);
        let now = moment(1_800_000_000, 80);
        let minute_ago = Duration::from_secs(1_800_000_000 - 60);
        assert_eq!(started_in_1970.wall_at(&now), minute_ago);
        let set_back = moment(500, 80);
        assert_eq!(
            moment(1_000, 20).wall_at(&set_back),
            Duration::from_secs(440)
        );
    }

    #[test]
    fn nonsense_does_not_overflow() {
        assert_eq!(
            moment(5, 100).wall_at(&moment(2, 0)),
            Duration::from_secs(2)
        );
        assert_eq!(
            moment(u64::MAX, 0).wall_at(&moment(9, u64::MAX)),
            Duration::ZERO
        );
    }
}
