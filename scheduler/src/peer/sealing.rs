//! Who may open which secret, kept true: whoever can open one seals its key to the nodes that may run a task with it,
//! as these become more, and lets go of the others.
//!
//! Nobody is asked: all who hold the key see the same, the first of them acts at once, and the others a second later
//! each if it does not. What two seal at the same time counts both.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shoal_membership::{NodeId, codec};

use super::{
    Effect, Peer,
    files::{File, sealed_key},
};
use crate::{
    file::SealedKeys,
    placement::{self, Weight, keepers},
    spec::FileKind,
    task::{FileId, ServiceId, Slot},
};

/// News is gathered for so long.
const PACE: Duration = Duration::from_millis(20);
/// Each holder waits so much longer than the one before it.
const TURN: Duration = Duration::from_secs(1);
/// Turns at most.
const TURNS_MAX: usize = 10;
/// Who may no longer run a task with a secret keeps its key for so long: labels and constraints are often changed one
/// after another.
const KEPT: Duration = Duration::from_secs(60);
/// What was asked of the driver, and what was written, gets so long before it is done again.
const AGAIN: Duration = Duration::from_secs(5);

/// What is to be done about secrets.
#[derive(Debug, Default)]
pub(super) struct Sealing {
    look_at: Option<Duration>,
    /// Nodes that lack a key, since when this node has seen it.
    lacking: BTreeMap<(FileId, NodeId), Duration>,
    /// Nodes that have one too many.
    spare: BTreeMap<(FileId, NodeId), Duration>,
}

impl Sealing {
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.look_at
    }

    fn look_no_later_than(&mut self, at: Duration) {
        self.look_at = Some(self.look_at.map_or(at, |due| due.min(at)));
    }
}

impl Peer {
    pub(super) fn sealing_is_stale(&mut self) {
        if self.catalog.files().of(FileKind::Secret).next().is_some() {
            let at = self.now.monotonic.saturating_add(PACE);
            self.sealing.look_no_later_than(at);
        }
    }

    /// Seals what is lacking and takes away what is spare, when it is this node's turn.
    pub(super) fn tend_sealing(&mut self) {
        let now = self.now.monotonic;
        if self.sealing.look_at.is_none_or(|at| now < at) {
            return;
        }
        self.sealing.look_at = None;
        let former = std::mem::take(&mut self.sealing);
        let secrets = self.catalog.files().of(FileKind::Secret);
        let ids: Vec<FileId> = secrets.map(|file| file.record.id).collect();
        for id in ids {
            self.look_at_secret(id, &former);
        }
    }

    fn look_at_secret(&mut self, id: FileId, former: &Sealing) {
        let (now, me) = (self.now.monotonic, self.me());
        let Some(file) = self.catalog.files().get(id) else {
            return;
        };
        let held = self.sealed_keys(id);
        let Some(own) = held.get(&me).cloned() else {
            return;
        };
        let wanted = self.may_open(file);
        let turn = TURN * self.sealing_turn(id, held.keys());
        let since = |map: &BTreeMap<(FileId, NodeId), Duration>, node: &NodeId| {
            map.get(&(id, *node)).copied().unwrap_or(now)
        };
        let lacking: Vec<(NodeId, Duration)> = wanted
            .iter()
            .filter(|node| !held.contains_key(node))
            .map(|node| (*node, since(&former.lacking, node)))
            .collect();
        // Nobody takes a key away from itself: who is cut off may see little.
        let spare: Vec<(NodeId, Duration)> = held
            .keys()
            .filter(|node| **node != me && !wanted.contains(node))
            .map(|node| (*node, since(&former.spare, node)))
            .collect();
        let mut to = Vec::new();
        for (node, since) in &lacking {
            let due = since.saturating_add(turn);
            let is_due = due <= now;
            let key = self.registry.trust().key_of(node);
            to.extend(key.filter(|_| is_due).map(|key| (*node, *key)));
            let again = if is_due {
                now.saturating_add(AGAIN)
            } else {
                due
            };
            self.sealing.look_no_later_than(again);
            let since = if is_due { again } else { *since };
            self.sealing.lacking.insert((id, *node), since);
        }
        if !to.is_empty() {
            self.effects.push_back(Effect::Seal {
                secret: id,
                own,
                to,
            });
        }
        let mut gone = BTreeSet::new();
        for (node, since) in &spare {
            self.sealing.spare.insert((id, *node), *since);
            let due = since.saturating_add(KEPT).saturating_add(turn);
            if due <= now && lacking.is_empty() {
                gone.insert(*node);
                self.sealing.look_no_later_than(now.saturating_add(AGAIN));
            } else {
                self.sealing
                    .look_no_later_than(due.max(now.saturating_add(TURN)));
            }
        }
        if !gone.is_empty() {
            let kept = held.into_iter().filter(|(node, _)| !gone.contains(node));
            let kept: SealedKeys = kept.collect();
            self.find(sealed_key(id), Some(codec::encode(&kept)));
        }
    }

    /// Nodes that may open a secret: all that may run a task with it, or, while no service uses it, a few that keep it.
    pub(super) fn may_open(&self, secret: &File) -> BTreeSet<NodeId> {
        let services = self.catalog.services().values();
        let users: Vec<_> = services
            .filter(|service| {
                let previous = service.previous.as_ref();
                self.uses(&service.spec, secret)
                    || previous.is_some_and(|one| self.uses(&one.spec, secret))
            })
            .collect();
        let roster = self.catalog.roster().keys();
        let may_run = |node: &NodeId| {
            let known = self.placement_node(node);
            users.iter().any(|service| {
                let previous = service.previous.as_ref().map(|one| &one.spec);
                let mut specs = std::iter::once(&service.spec).chain(previous);
                specs.any(|spec| placement::may_run(spec, *node, &known))
            })
        };
        let able: BTreeSet<NodeId> = roster.copied().filter(may_run).collect();
        if !able.is_empty() {
            return able;
        }
        let roster = self.catalog.roster().keys().copied();
        keepers(secret.record.id, roster).into_iter().collect()
    }

    /// This node's place among the holders that live.
    fn sealing_turn<'a>(&self, secret: FileId, holders: impl Iterator<Item = &'a NodeId>) -> u32 {
        let me = self.me();
        let rank = |node: &NodeId| {
            let (service, slot) = (ServiceId(secret.0), Slot::Node(*node));
            placement::score(service, slot, *node, Weight::default())
        };
        let own = rank(&me);
        let better =
            holders.filter(|node| **node != me && self.presence.is_alive(node) && rank(node) > own);
        better.take(TURNS_MAX).count() as u32
    }

    /// The driver sealed the key of a secret to more nodes.
    pub(super) fn sealed(&mut self, secret: FileId, keys: SealedKeys) {
        if keys.is_empty() || self.catalog.files().get(secret).is_none() {
            return;
        }
        let mut all = self.sealed_keys(secret);
        for (node, key) in keys {
            all.entry(node).or_insert(key);
        }
        let all: SealedKeys = all.into_iter().collect();
        self.find(sealed_key(secret), Some(codec::encode(&all)));
    }
}
