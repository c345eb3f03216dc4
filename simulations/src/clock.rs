//! A machine's clocks: the monotonic one may run fast or slow, the wall clock may be wrong as well.

use std::time::Duration;

use shoal_membership::Now;

/// What all clocks show at the beginning, but for what they are wrong by.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);
/// The largest rate, in parts per million: a clock may gain or lose a tenth.
pub const DRIFT_PPM_MAX: i64 = 100_000;
const MILLION: i128 = 1_000_000;

/// The clocks of a machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// What the wall clock shows beyond the true time.
    pub ahead: Duration,
    /// How much the clocks gain, in parts per million.
    drift_ppm: i64,
    /// When the rate was set: the true time, and the machine's.
    set_at: (Duration, Duration),
}

impl Clock {
    /// What the clocks show at this true time.
    #[must_use]
    pub fn at(&self, time: Duration) -> Now {
        let monotonic = self.monotonic(time);
        Now {
            monotonic,
            wall: EPOCH + monotonic + self.ahead,
        }
    }

    /// From now on the clocks gain this much, in parts per million; less than 0: they lose. At most
    /// a tenth.
    pub fn drift(&mut self, ppm: i64, time: Duration) {
        self.set_at = (time, self.monotonic(time));
        self.drift_ppm = ppm.clamp(-DRIFT_PPM_MAX, DRIFT_PPM_MAX);
    }

    /// The first true time at which the monotonic clock shows at least this.
    pub(crate) fn time_of(&self, monotonic: Duration) -> Duration {
        if self.drift_ppm == 0 && self.set_at.0 == self.set_at.1 {
            return monotonic;
        }
        let (time, shown) = self.set_at;
        let rate = MILLION + i128::from(self.drift_ppm);
        let to_pass = nanos(monotonic.saturating_sub(shown)) * MILLION;
        time.saturating_add(duration((to_pass + rate - 1) / rate))
    }

    fn monotonic(&self, time: Duration) -> Duration {
        if self.drift_ppm == 0 && self.set_at.0 == self.set_at.1 {
            return time;
        }
        let passed = nanos(time.saturating_sub(self.set_at.0));
        let shown = passed * (MILLION + i128::from(self.drift_ppm)) / MILLION;
        self.set_at.1.saturating_add(duration(shown))
    }
}

fn nanos(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX / MILLION / 2)
}

fn duration(nanos: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_drifts_never_jumps_and_wakes_no_earlier_than_asked() {
        let mut clock = Clock::default();
        let hour = Duration::from_secs(3_600);
        clock.drift(200, hour);
        assert_eq!(clock.monotonic(hour), hour);
        let later = clock.monotonic(hour * 2);
        assert_eq!(later, hour * 2 + Duration::from_millis(720));
        clock.drift(-50_000, hour * 2);
        assert_eq!(clock.monotonic(hour * 2), later, "no jump");
        assert_eq!(clock.monotonic(hour * 3), later + hour.mul_f64(0.95));
        for odd in [1, 17, 999_999_937, 3_600_000_000_001] {
            let shown = later + Duration::from_nanos(odd);
            let at = clock.time_of(shown);
            assert!(clock.monotonic(at) >= shown);
            assert!(clock.monotonic(at - Duration::from_nanos(1)) < shown);
        }
    }
}
