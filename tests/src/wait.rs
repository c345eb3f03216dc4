//! Waiting for conditions.

use std::time::{Duration, Instant};

/// Between two looks. Short beside every deadline; long beside what a look costs.
const PACE: Duration = Duration::from_millis(50);

/// Looks until `look` has an answer.
///
/// # Panics
/// When the deadline has passed, with what the last look saw.
pub fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        let seen = match look() {
            Ok(found) => return found,
            Err(seen) => seen,
        };
        assert!(
            start.elapsed() < limit,
            "not within {limit:?}: {what}\nlast seen: {seen}"
        );
        std::thread::sleep(PACE);
    }
}

/// Looks over and over for this long: what must not happen has not.
///
/// # Panics
/// At the first look that finds something, with what it found.
pub fn always_for(span: Duration, what: &str, mut look: impl FnMut() -> Result<(), String>) {
    let start = Instant::now();
    while start.elapsed() < span {
        if let Err(seen) = look() {
            panic!(
                "after {:?} no longer: {what}\nseen: {seen}",
                start.elapsed()
            );
        }
        std::thread::sleep(PACE);
    }
}
