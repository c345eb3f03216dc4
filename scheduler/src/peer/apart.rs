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
}

impl Peer {
    /// The driver can't reach just these.
    pub(super) fn out_of_reach(&mut self, nodes: &BTreeSet<NodeId>) {
        self.apart.since.retain(|node, _| nodes.contains(node));
        for node in nodes {
            self.apart.since.entry(*node).or_default();
        }
    }

    /// Says what has lasted, and what is over.
    pub(super) fn tend_apart(&mut self) {
        if self.apart.since.is_empty() && self.apart.said.is_empty() {
            return;
        }
        let now = self.now.monotonic;
        let (presence, roster) = (&self.presence, self.catalog.roster());
        let mut lasting = Vec::new();
        for (node, since) in &mut self.apart.since {
            let is_here = presence.is_alive(node) && roster.contains_key(node);
            *since = is_here.then(|| since.unwrap_or(now));
            if since.is_some_and(|since| since.saturating_add(SAID_AFTER) <= now) {
                lasting.push(*node);
            }
        }
        lasting.truncate(SAID_MAX);
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
        let since = self.apart.since.values().flatten();
        let due = since.map(|since| since.saturating_add(SAID_AFTER));
        due.filter(|at| *at > self.now.monotonic).min()
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
