//! Members that live and can't be reached from here: both behind a NAT, or with a path lost between them.
//!
//! Others hear both, so neither is given up. Each says so of itself, so that people are told of the pair, and
//! whoever looks for a way around knows who has none either. The driver says who is out of reach now; a while
//! later it is said, and at once when it is over. It changes nothing but what is shown: who lives is
//! membership's to say.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shoal_membership::{NodeId, codec};

use super::Peer;
use crate::{observed::Topic, view::NodeStatus};

/// It is said after this: machines come and go, and a connection takes its time.
const SAID_AFTER: Duration = Duration::from_secs(10);
/// So many are said, those with the least ids.
pub(super) const SAID_MAX: usize = 16;

/// Those that this node does not reach.
#[derive(Debug, Default)]
pub(super) struct Apart {
    /// Since when (monotonic), while they live.
    since: BTreeMap<NodeId, Option<Duration>>,
    said: Vec<NodeId>,
}

impl Apart {
    pub(super) fn said(&self) -> &[NodeId] {
        &self.said
    }

    /// The driver can't reach just these.
    fn set(&mut self, nodes: &BTreeSet<NodeId>) {
        self.since.retain(|node, _| nodes.contains(node));
        for node in nodes {
            self.since.entry(*node).or_default();
        }
    }

    /// Those of which it is to be said now. Who is dead is no such, and begins anew.
    fn lasting(&mut self, now: Duration, is_here: impl Fn(&NodeId) -> bool) -> Vec<NodeId> {
        let mut lasting = Vec::new();
        for (node, since) in &mut self.since {
            *since = is_here(node).then(|| since.unwrap_or(now));
            if since.is_some_and(|since| since.saturating_add(SAID_AFTER) <= now) {
                lasting.push(*node);
            }
        }
        lasting.truncate(SAID_MAX);
        lasting
    }

    /// When the next has lasted.
    fn deadline(&self, now: Duration) -> Option<Duration> {
        let since = self.since.values().flatten();
        let due = since.map(|since| since.saturating_add(SAID_AFTER));
        due.filter(|at| *at > now).min()
    }
}

impl Peer {
    /// The driver can't reach just these.
    pub(super) fn out_of_reach(&mut self, nodes: &BTreeSet<NodeId>) {
        self.apart.set(nodes);
    }

    /// Says what has lasted, and what is over.
    pub(super) fn tend_apart(&mut self) {
        if self.apart.since.is_empty() && self.apart.said.is_empty() {
            return;
        }
        let now = self.now.monotonic;
        let (presence, roster) = (&self.presence, self.catalog.roster());
        let is_here = |node: &NodeId| presence.is_alive(node) && roster.contains_key(node);
        let lasting = self.apart.lasting(now, is_here);
        if lasting == self.apart.said {
            return;
        }
        for node in lasting
            .iter()
            .filter(|node| !self.apart.said.contains(node))
        {
            tracing::info!(%node, "a member lives and can't be reached from here; what is between us goes by way of others");
        }
        for node in self
            .apart
            .said
            .iter()
            .filter(|node| !lasting.contains(node))
        {
            tracing::info!(%node, "a member that lives and can't be reached from here is no such any more");
        }
        self.apart.said = lasting;
        self.publisher.apart_changed();
        self.view_is_stale = true;
    }

    /// When the next has lasted.
    pub(super) fn apart_deadline(&self) -> Option<Duration> {
        self.apart.deadline(self.now.monotonic)
    }

    /// Living nodes that can't reach each other, each under both.
    pub(super) fn all_apart(&self) -> BTreeMap<NodeId, BTreeSet<NodeId>> {
        let mut apart: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
        let is_ready = |node: &NodeId| {
            self.catalog.roster().contains_key(node) && self.status_of(node) == NodeStatus::Ready
        };
        let mut add = |one: NodeId, other: NodeId| {
            if one != other && is_ready(&other) {
                apart.entry(one).or_default().insert(other);
                apart.entry(other).or_default().insert(one);
            }
        };
        for other in &self.apart.said {
            add(self.me(), *other);
        }
        for node in self
            .catalog
            .roster()
            .keys()
            .filter(|node| **node != self.me())
        {
            for other in self.apart_by_word_of(node) {
                add(*node, other);
            }
        }
        apart
    }

    /// What another says of itself, as long as it lives.
    fn apart_by_word_of(&self, node: &NodeId) -> Vec<NodeId> {
        let record = self.observed.get(node, Topic::APART);
        let now = self.now.monotonic;
        let record =
            record.filter(|record| self.presence.speaks_for(node, record.incarnation, now));
        let said = record.and_then(|record| codec::decode::<Vec<NodeId>>(&record.body).ok());
        let mut said = said.unwrap_or_default();
        said.truncate(SAID_MAX);
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn nodes(numbers: std::ops::Range<u8>) -> BTreeSet<NodeId> {
        numbers
            .map(|number| NodeId::from_bytes([number; 16]))
            .collect()
    }

    #[test]
    fn it_is_said_of_those_who_live_and_after_a_while() {
        let mut apart = Apart::default();
        let two: Vec<NodeId> = nodes(1..3).into_iter().collect();
        apart.set(&nodes(1..3));
        let only_first = |node: &NodeId| *node == two[0];
        assert_eq!(apart.lasting(second(0), only_first), []);
        assert_eq!(apart.deadline(second(0)), Some(second(10)));
        assert_eq!(apart.lasting(second(9), |_| true), []);
        assert_eq!(apart.lasting(second(10), |_| true), two[..1]);
        assert_eq!(apart.deadline(second(10)), Some(second(19)));
        assert_eq!(apart.lasting(second(19), |_| true), two);
        assert_eq!(apart.deadline(second(19)), None);
        // The first is reached, the second dies and comes back.
        apart.set(&nodes(2..3));
        assert_eq!(apart.lasting(second(20), |_| false), []);
        assert_eq!(apart.lasting(second(30), |_| true), []);
        assert_eq!(apart.lasting(second(40), |_| true), two[1..]);
    }

    #[test]
    fn not_more_are_said_than_may_be() {
        let mut apart = Apart::default();
        apart.set(&nodes(0..100));
        apart.lasting(second(0), |_| true);
        assert_eq!(apart.lasting(second(10), |_| true).len(), SAID_MAX);
    }
}
