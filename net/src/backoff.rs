//! When a peer that could not be reached may be dialled again.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(200);
const LAST: Duration = Duration::from_secs(30);
/// Somebody who waits for an answer may have the peer dialled again after this.
const URGENT: Duration = Duration::from_secs(1);

/// Doubling delays from 200 ms to 30 s, each longer or shorter by up to a half.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    last_attempt: Option<Instant>,
    not_before: Option<Instant>,
}

impl Backoff {
    /// Whether to dial now. `urgent` is a request that somebody waits for.
    pub(crate) fn allows(&self, now: Instant, urgent: bool) -> bool {
        let due = self.not_before.is_none_or(|moment| now >= moment);
        due || (urgent && self.is_rested(now))
    }

    /// Whether the last attempt was over a second ago.
    pub(crate) fn is_rested(&self, now: Instant) -> bool {
        self.last_attempt
            .is_none_or(|moment| now.saturating_duration_since(moment) >= URGENT)
    }

    pub(crate) fn attempt(&mut self, now: Instant) {
        self.last_attempt = Some(now);
    }

    /// A dial failed. `jitter` is uniform over all of `u64`.
    pub(crate) fn failed(&mut self, now: Instant, jitter: u64) {
        let delay = FIRST.saturating_mul(1 << self.failures.min(8)).min(LAST);
        let half = u64::try_from(delay.as_micros() / 2).unwrap_or(0);
        let spread = Duration::from_micros(jitter % (2 * half + 1));
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.checked_add(delay / 2 + spread);
    }

    /// A dial succeeded, or there are new addresses to try.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
        self.not_before = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_limit() {
        let start = Instant::now();
        for (jitter_half, low, high) in [(0, 0.5, 0.5), (u64::MAX, 0.5, 1.5)] {
            let mut backoff = Backoff::default();
            for expected in [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0] {
                backoff.failed(start, jitter_half);
                let delay = backoff.not_before.unwrap() - start;
                assert!(delay.as_secs_f64() >= expected * low - 0.001);
                assert!(delay.as_secs_f64() <= expected * high + 0.001);
            }
        }
    }

    #[test]
    fn an_urgent_dial_waits_a_second_only() {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.attempt(start);
            backoff.failed(start, 0);
        }
        assert!(!backoff.allows(start + Duration::from_millis(900), true));
        assert!(backoff.allows(start + Duration::from_millis(1_000), true));
        assert!(!backoff.allows(start + Duration::from_millis(1_000), false));
        backoff.reset();
        assert!(backoff.allows(start, false));
    }
}
