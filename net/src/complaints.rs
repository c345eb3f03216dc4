//! Says each reason once: a refused peer tries again and again, and a log is to be read by people.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::refusal::Refusal;

const QUIET: Duration = Duration::from_secs(60);
const REMEMBERED: usize = 256;

/// What was said lately, and of whom.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    said: Mutex<BTreeMap<(SocketAddr, Refusal, bool), Instant>>,
}

impl Complaints {
    /// Whether to say it now. `ours` is true if this node refused, false if it was refused.
    pub(crate) fn may_say(
        &self,
        who: SocketAddr,
        reason: Refusal,
        ours: bool,
        now: Instant,
    ) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |moment: &Instant| now.saturating_duration_since(*moment) < QUIET;
        if said.get(&(who, reason, ours)).is_some_and(fresh) {
            return false;
        }
        if said.len() >= REMEMBERED {
            said.retain(|_, moment| fresh(moment));
        }
        if said.len() >= REMEMBERED {
            return false;
        }
        said.insert((who, reason, ours), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_reason_is_said_once_a_minute_and_address() {
        let complaints = Complaints::default();
        let start = Instant::now();
        let who = SocketAddr::from((Ipv4Addr::LOCALHOST, 7900));
        let say = |reason, after| complaints.may_say(who, reason, true, start + after);
        assert!(say(Refusal::Revoked, Duration::ZERO));
        assert!(!say(Refusal::Revoked, Duration::from_secs(59)));
        assert!(say(Refusal::UnknownKey, Duration::from_secs(1)));
        assert!(say(Refusal::Revoked, Duration::from_secs(60)));
    }

    #[test]
    fn it_remembers_a_bounded_number() {
        let complaints = Complaints::default();
        let start = Instant::now();
        for host in 0..5_000_u32 {
            let who = SocketAddr::from((Ipv4Addr::from(host), 7900));
            complaints.may_say(who, Refusal::Busy, true, start);
        }
        assert_eq!(complaints.said.lock().unwrap().len(), REMEMBERED);
    }
}
