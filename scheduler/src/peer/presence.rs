//! Who is here, as far as placement is concerned: SWIM's view, plus what it can't know: who has not
//! been heard of yet, who will be back, and who leaves.

use std::{collections::BTreeSet, time::Duration};

use imbl::OrdMap;
use shoal_membership::{Addresses, NodeId};

use super::config::Timing;
use crate::{observed::Phase, view::NodeStatus};

#[derive(Clone, Debug, Default)]
struct Here {
    addresses: Addresses,
    incarnation: u64,
    is_alive: bool,
    was_heard: bool,
    /// It said that it would be back; when SWIM then lost it.
    down_since: Option<Duration>,
    next_announce: Duration,
    announces: u32,
    /// The incarnation before, still good for reports until then.
    former: Option<(u64, Duration)>,
}

/// A report of the incarnation before stays good this long, until the new one's arrives.
const FORMER_INCARNATION_GRACE: Duration = Duration::from_secs(5);

/// Everybody's presence but this node's own.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    nodes: OrdMap<NodeId, Here>,
    /// Those of whom time alone changes something: the absent, and the returned whose former life
    /// still counts. Few, most of the time; only they are looked at after each input.
    restless: BTreeSet<NodeId>,
    boot_ends: Duration,
    away_limit: Duration,
    announce_delay: Duration,
}

impl Presence {
    pub(super) fn new(timing: &Timing, now: Duration) -> Self {
        Self {
            nodes: OrdMap::new(),
            restless: BTreeSet::new(),
            boot_ends: now.saturating_add(timing.boot_grace),
            away_limit: timing.away_limit,
            announce_delay: timing.announce_delay,
        }
    }

    /// Learns where a member is. Whether that is new.
    pub(super) fn locate(&mut self, node: NodeId, addresses: Addresses) -> bool {
        let here = self.nodes.entry(node).or_default();
        let is_new = here.addresses != addresses;
        here.addresses = addresses;
        if !here.is_alive {
            self.restless.insert(node);
        }
        is_new
    }

    /// The same, as that node sees it, long after its start.
    pub(super) fn without(mut self, me: &NodeId, now: Duration) -> Self {
        self.nodes.remove(me);
        self.restless.remove(me);
        self.boot_ends = now;
        self
    }

    pub(super) fn up(&mut self, node: NodeId, incarnation: u64, now: Duration) {
        let here = self.nodes.entry(node).or_default();
        if here.incarnation != incarnation && here.was_heard {
            here.former = Some((
                here.incarnation,
                now.saturating_add(FORMER_INCARNATION_GRACE),
            ));
        }
        here.incarnation = incarnation;
        here.is_alive = true;
        here.was_heard = true;
        here.down_since = None;
        here.announces = 0;
        match here.former {
            Some(_) => self.restless.insert(node),
            None => self.restless.remove(&node),
        };
    }

    pub(super) fn down(&mut self, node: NodeId, now: Duration) {
        let here = self.nodes.entry(node).or_default();
        here.is_alive = false;
        here.was_heard = true;
        here.down_since = Some(now);
        here.next_announce = now;
        self.restless.insert(node);
    }

    /// Forgets nodes that are no longer on the roster.
    pub(super) fn keep_only(&mut self, roster: impl Fn(&NodeId) -> bool) {
        let gone = self.nodes.keys().filter(|node| !roster(node));
        let gone: Vec<NodeId> = gone.copied().collect();
        for node in &gone {
            self.nodes.remove(node);
        }
        self.restless.retain(|node| self.nodes.contains_key(node));
    }

    pub(super) fn is_alive(&self, node: &NodeId) -> bool {
        self.nodes.get(node).is_some_and(|here| here.is_alive)
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes
            .iter()
            .filter(|(_, here)| here.is_alive)
            .map(|(node, _)| *node)
    }

    pub(super) fn addresses(&self, node: &NodeId) -> Addresses {
        self.nodes
            .get(node)
            .map(|here| here.addresses.clone())
            .unwrap_or_default()
    }

    /// Whether a record of this incarnation still says something about a living node.
    pub(super) fn speaks_for(&self, node: &NodeId, incarnation: u64, now: Duration) -> bool {
        self.nodes.get(node).is_some_and(|here| {
            let of_former = here
                .former
                .is_some_and(|(former, until)| incarnation >= former && now < until);
            here.is_alive && (incarnation >= here.incarnation || of_former)
        })
    }

    /// How people see a node. `phase` is what it last said of itself.
    pub(super) fn status(&self, node: &NodeId, phase: Phase, now: Duration) -> NodeStatus {
        match self.nodes.get(node) {
            Some(here) if here.is_alive => NodeStatus::Ready,
            Some(here) if phase == Phase::Away && self.is_awaited(here, now) => NodeStatus::Away,
            Some(here) if here.was_heard => NodeStatus::Down,
            _ if now < self.boot_ends => NodeStatus::Unknown,
            _ => NodeStatus::Down,
        }
    }

    fn is_awaited(&self, here: &Here, now: Duration) -> bool {
        here.down_since
            .is_some_and(|since| now < since.saturating_add(self.away_limit))
    }

    /// The next time at which somebody's status changes by itself.
    pub(super) fn deadline(&mut self, now: Duration) -> Option<Duration> {
        let nodes = &mut self.nodes;
        self.restless.retain(|node| {
            nodes.get_mut(node).is_some_and(|here| {
                here.former = here.former.filter(|(_, until)| *until > now);
                !here.is_alive || here.former.is_some()
            })
        });
        let awaited = self.restless().filter_map(|(_, here)| {
            let until = here.down_since?.saturating_add(self.away_limit);
            (!here.is_alive && until > now).then_some(until)
        });
        let former = self
            .restless()
            .filter_map(|(_, here)| here.former.map(|(_, until)| until));
        let boot = (self.boot_ends > now).then_some(self.boot_ends);
        awaited.chain(former).chain(boot).min()
    }

    fn restless(&self) -> impl Iterator<Item = (&NodeId, &Here)> {
        self.restless
            .iter()
            .filter_map(|node| Some((node, self.nodes.get(node)?)))
    }

    /// Members to greet now: those with a known address that are not alive, each with backoff for
    /// ever. `jitter` gives a number from 0 to 1,000.
    pub(super) fn due_announces(
        &mut self,
        now: Duration,
        is_wanted: impl Fn(&NodeId) -> bool,
        mut jitter: impl FnMut() -> u32,
    ) -> Vec<(NodeId, Addresses)> {
        let mut due = Vec::new();
        for node in &self.restless {
            let Some(here) = self.nodes.get_mut(node) else {
                continue;
            };
            if !here.is_missing() || !is_wanted(node) || here.next_announce > now {
                continue;
            }
            due.push((*node, here.addresses.clone()));
            let wait = self
                .announce_delay
                .saturating_mul(1 << here.announces.min(5));
            here.announces = here.announces.saturating_add(1);
            here.next_announce = now.saturating_add(wait / 2 + wait * jitter() / 1_000);
        }
        due
    }

    pub(super) fn next_announce(&self, is_wanted: impl Fn(&NodeId) -> bool) -> Option<Duration> {
        self.restless()
            .filter(|(node, here)| here.is_missing() && is_wanted(node))
            .map(|(_, here)| here.next_announce)
            .min()
    }
}

impl Here {
    /// Not here, though we know where it could be.
    fn is_missing(&self) -> bool {
        !self.is_alive && !self.addresses.as_slice().is_empty()
    }
}
