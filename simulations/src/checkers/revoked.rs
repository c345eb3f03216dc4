//! A member that was removed learns nothing new, once all others know of its removal.
//!
//! Why: removal is how a stolen machine is shut out. Until the word has spread, some member may still
//! take it for one of them; after that nobody talks to it. What removed members tell one another is
//! theirs.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shoal_membership::NodeId;
use shoal_scheduler::registry::Actor;

use super::{Checker, Happening};
use crate::World;

/// What was on its way when the last member heard of it still arrives.
const ON_ITS_WAY: Duration = Duration::from_secs(10);

/// One that was removed.
#[derive(Debug)]
struct Outcast {
    node: NodeId,
    /// Since when all who run know.
    shunned_since: Option<Duration>,
    /// Root of its registry, and the writes of others in it, when it was last looked at.
    root: u64,
    known: BTreeSet<(Actor, u64)>,
}

/// The rule.
#[derive(Debug, Default)]
pub(super) struct Revoked {
    outcasts: BTreeMap<usize, Outcast>,
    nodes: BTreeSet<NodeId>,
}

impl Checker for Revoked {
    fn name(&self) -> &'static str {
        "a removed node learns nothing new"
    }

    fn heard(&mut self, _world: &World, happening: &Happening) {
        if let Happening::Removed { machine, node } = happening {
            self.nodes.insert(*node);
            let outcast = Outcast {
                node: *node,
                shunned_since: None,
                root: 0,
                known: BTreeSet::new(),
            };
            self.outcasts.insert(*machine, outcast);
        }
    }

    fn after_event(&mut self, world: &World, machine: usize) -> Result<(), String> {
        let Some(outcast) = self.outcasts.get_mut(&machine) else {
            return Ok(());
        };
        let peer = world.machines[machine].peer.as_ref();
        let Some(peer) = peer.filter(|peer| peer.me() == outcast.node) else {
            return Ok(());
        };
        let knows = |index: &usize| {
            let one = &world.machines[*index];
            let trust = one.peer.as_ref().map(|peer| peer.registry().trust());
            self.nodes.contains(&one.id())
                || trust.is_some_and(|trust| trust.is_revoked(&outcast.node))
        };
        if !world.running().iter().all(knows) {
            outcast.shunned_since = None;
            return Ok(());
        }
        let since = *outcast.shunned_since.get_or_insert(world.now());
        let root = peer.registry().digests().root();
        if root == outcast.root {
            return Ok(());
        }
        outcast.root = root;
        let entries = peer.registry().entries();
        let writes = entries.flat_map(|(_, entry)| entry.siblings());
        let others = writes
            .map(|signed| (signed.write.author, signed.write.dot()))
            .filter(|(author, _)| !self.nodes.contains(&author.node));
        let news: Vec<_> = others
            .filter(|write| outcast.known.insert(*write))
            .collect();
        match news.first() {
            Some((author, dot)) if world.now() > since + ON_ITS_WAY => Err(format!(
                "n{}, removed, was told of write {dot} of {}",
                machine + 1,
                author.node
            )),
            _ => Ok(()),
        }
    }
}
