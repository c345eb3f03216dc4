//! Looking again and again, up to a limit.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Time between two looks: what is shown as a time is at most about this late.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// Looks until there is something to see; nothing when the limit is over.
pub(super) async fn until<T>(
    limit: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> Option<T> {
    let started = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return Some(seen);
        }
        if started.elapsed() >= limit {
            return None;
        }
        sleep(TICK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_looks_at_least_once_and_ends_at_the_limit() {
        assert_eq!(until(Duration::ZERO, async || Some(1)).await, Some(1));
        let mut looks = 0;
        // Sleeps take at least their time, so that there are at most four looks.
        let seen: Option<()> = until(TICK * 3, async || {
            looks += 1;
            None
        })
        .await;
        assert_eq!(seen, None);
        assert!((1..=4).contains(&looks), "{looks}");
    }
}
