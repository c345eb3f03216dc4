//! Says each reason once: a refused peer tries again and again, and a log is to be read by people.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use shoal_membership::NodeId;
use tracing::field::display;

use crate::{join::JoinRefusal, refusal::Refusal};

const QUIET: Duration = Duration::from_secs(60);
const REMEMBERED: usize = 256;

/// The two ends of a connection that is complained of, as a person would look for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// Where the peer is.
    pub(crate) peer: SocketAddr,
    /// The peer's node, once it has shown its key.
    pub(crate) node: Option<NodeId>,
    /// Where this node listens.
    pub(crate) here: SocketAddr,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Complaint {
    /// This node refused the peer.
    Ours(Refusal),
    /// The peer refused this node.
    Theirs(Refusal),
    /// Both ends see it alike; which of them closes first is chance.
    Mutual(Refusal),
    /// This node did not let a joiner in.
    TurnedAway(JoinRefusal),
}

/// What was said lately, and of whom.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    said: Mutex<BTreeMap<(SocketAddr, Complaint), Instant>>,
}

impl Complaints {
    /// Says that this node closed a connection.
    pub(crate) fn refused(&self, ends: &Ends, reason: Refusal) {
        let Ends { peer, node, here } = ends;
        let (node, code) = (node.map(display), reason.code());
        if reason.is_routine() {
            tracing::debug!(%peer, node, %here, code, "closed a connection: {reason}");
        } else if self.may_say(*peer, Complaint::of(reason, Complaint::Ours)) {
            tracing::warn!(%peer, node, %here, code, "refused a peer: {reason}");
        }
    }

    /// Says that the peer closed a connection, with this reason.
    pub(crate) fn refused_by(&self, ends: &Ends, reason: Refusal) {
        let Ends { peer, node, here } = ends;
        let (node, code) = (node.map(display), reason.code());
        if reason.is_routine() {
            tracing::debug!(%peer, node, %here, code, "the peer closed a connection: {reason}");
        } else if self.may_say(*peer, Complaint::of(reason, Complaint::Theirs)) {
            tracing::warn!(%peer, node, %here, code, "refused by a peer, which says of this node: {reason}");
        }
    }

    /// Says that this node did not let a joiner in.
    pub(crate) fn turned_away(&self, ends: &Ends, reason: &JoinRefusal) {
        let Ends { peer, node, here } = ends;
        if self.may_say(*peer, Complaint::TurnedAway(reason.clone())) {
            let node = node.map(display);
            tracing::warn!(%peer, node, %here, "turned a joiner away, telling it: {reason}");
        }
    }

    fn may_say(&self, who: SocketAddr, what: Complaint) -> bool {
        self.may_say_at(who, what, Instant::now())
    }

    /// Whether to say it now: not if the same was said of the same peer within a minute.
    fn may_say_at(&self, who: SocketAddr, what: Complaint, now: Instant) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |moment: &Instant| now.saturating_duration_since(*moment) < QUIET;
        let key = (who, what);
        if said.get(&key).is_some_and(fresh) {
            return false;
        }
        if said.len() >= REMEMBERED {
            said.retain(|_, moment| fresh(moment));
        }
        if said.len() >= REMEMBERED {
            return false;
        }
        said.insert(key, now);
        true
    }
}

impl Complaint {
    fn of(reason: Refusal, one_sided: fn(Refusal) -> Self) -> Self {
        if reason.is_mutual() {
            Self::Mutual(reason)
        } else {
            one_sided(reason)
        }
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
        let say = |reason, after| {
            complaints.may_say_at(who, Complaint::of(reason, Complaint::Ours), start + after)
        };
        assert!(say(Refusal::Revoked, Duration::ZERO));
        assert!(!say(Refusal::Revoked, Duration::from_secs(59)));
        assert!(say(Refusal::UnknownKey, Duration::from_secs(1)));
        assert!(say(Refusal::Revoked, Duration::from_secs(60)));
    }

    #[test]
    fn what_both_ends_see_is_said_once_whoever_closes() {
        let complaints = Complaints::default();
        let start = Instant::now();
        let who = SocketAddr::from((Ipv4Addr::LOCALHOST, 7900));
        let say = |reason, side| complaints.may_say_at(who, Complaint::of(reason, side), start);
        assert!(say(Refusal::AnotherCluster, Complaint::Ours));
        assert!(!say(Refusal::AnotherCluster, Complaint::Theirs));
        assert!(say(Refusal::UnknownKey, Complaint::Ours));
        assert!(say(Refusal::UnknownKey, Complaint::Theirs));
    }

    #[test]
    fn it_remembers_a_bounded_number() {
        let complaints = Complaints::default();
        let start = Instant::now();
        for host in 0..5_000_u32 {
            let who = SocketAddr::from((Ipv4Addr::from(host), 7900));
            complaints.may_say_at(who, Complaint::Ours(Refusal::Busy), start);
        }
        assert_eq!(complaints.said.lock().unwrap().len(), REMEMBERED);
    }
}
