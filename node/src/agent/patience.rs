//! How long a joiner goes on asking when nobody lets it in.

use std::time::Duration;

use shoal_net::{JoinError, JoinRefusal};

/// First wait between two tries; doubled up to a minute.
const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(60);
/// A token that was made on one member is known to all others within this, if they can hear each
/// other at all.
const NEWS_MAX: Duration = Duration::from_secs(10);

/// What is left of it.
#[derive(Debug)]
pub(super) struct Patience {
    wait: Duration,
    /// For members that don't know the token: it may be on its way to them.
    left_for_news: Duration,
}

impl Patience {
    pub(super) const fn new() -> Self {
        Self {
            wait: WAIT_FIRST,
            left_for_news: NEWS_MAX,
        }
    }

    /// How long to wait before asking again after this; none if the answer is final.
    pub(super) fn after(&mut self, error: &JoinError) -> Option<Duration> {
        let mut wait = self.wait;
        match error {
            JoinError::Unreachable(_) | JoinError::Closed { .. } => {}
            JoinError::Refused { reason, .. } => match reason {
                JoinRefusal::Busy => {}
                JoinRefusal::UnknownToken if !self.left_for_news.is_zero() => {
                    wait = wait.min(self.left_for_news);
                    self.left_for_news -= wait;
                }
                _ => return None,
            },
            _ => return None,
        }
        self.wait = (self.wait * 2).min(WAIT_MAX);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn refused(reason: JoinRefusal) -> JoinError {
        let address = SocketAddr::from(([127, 0, 0, 1], 7900));
        JoinError::Refused { address, reason }
    }

    fn waits(error: &JoinError, tries: usize) -> Vec<u64> {
        let mut patience = Patience::new();
        let waits = (0..tries).map_while(|_| patience.after(error));
        waits.map(|wait| wait.as_secs()).collect()
    }

    #[test]
    fn an_unknown_token_is_asked_for_ten_seconds() {
        assert_eq!(waits(&refused(JoinRefusal::UnknownToken), 99), [1, 2, 4, 3]);
    }

    #[test]
    fn whoever_reaches_nobody_asks_for_ever() {
        let nobody = JoinError::Unreachable("no answer".to_owned());
        for error in [nobody, refused(JoinRefusal::Busy)] {
            assert_eq!(waits(&error, 9), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        }
    }

    #[test]
    fn a_no_that_more_time_does_not_change_is_final() {
        for reason in [
            JoinRefusal::Expired,
            JoinRefusal::UsedUp,
            JoinRefusal::BadProof,
            JoinRefusal::RevokedKey,
            JoinRefusal::AnotherCluster,
            JoinRefusal::Other("no".to_owned()),
        ] {
            assert!(waits(&refused(reason), 1).is_empty());
        }
        assert!(waits(&JoinError::NoAddress, 1).is_empty());
    }
}
