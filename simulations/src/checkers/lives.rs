//! A node begins a new life while it runs only if somebody held the present one for over, or knew a
//! later one, or it has moved.
//!
//! Why: only silence ends a life. A node that is told that it is dead though nobody takes it for dead
//! begins anew for nothing: all it reported is void until it says it again, and so does the next, for
//! as long as packets are lost (29 times a minute with 1,000 nodes).

use std::collections::BTreeMap;

use shoal_membership::{Liveness, NodeId};

use super::Checker;
use crate::World;

/// What anybody ever believed of a node.
#[derive(Clone, Copy, Debug, Default)]
struct Believed {
    /// The last life that somebody else held for over.
    over: u64,
    /// The last life that anybody knew of.
    latest: u64,
}

/// What was believed, and how things stood at each machine when it was last looked at.
#[derive(Debug, Default)]
pub(super) struct Lives {
    believed: BTreeMap<NodeId, Believed>,
    /// By machine: its agent's number, its incarnation, and the digest of what it believes.
    seen: BTreeMap<usize, (u64, u64, u64)>,
    /// By machine: how often it has moved.
    moves: BTreeMap<usize, u32>,
}

impl Checker for Lives {
    fn name(&self) -> &'static str {
        "only who was taken for dead begins a new life"
    }

    fn after_event(&mut self, world: &World, machine: usize) -> Result<(), String> {
        let now = &world.machines[machine];
        let Some(peer) = &now.peer else {
            return Ok(());
        };
        let membership = peer.membership();
        let incarnation = membership.me().incarnation;
        let seen = (now.life, incarnation, membership.digest());
        let before = self.seen.insert(machine, seen);
        if before == Some(seen) {
            return Ok(());
        }
        for (member, liveness) in membership.members() {
            let believed = self.believed.entry(member.id).or_default();
            believed.latest = believed.latest.max(member.incarnation);
            if liveness == Liveness::Down {
                believed.over = believed.over.max(member.incarnation);
            }
        }
        let Some((life, former, _)) = before else {
            return Ok(());
        };
        let believed = self.believed.get(&now.id()).copied().unwrap_or_default();
        // Another address is told by a new life.
        let has_moved = self.moves.insert(machine, now.moves).unwrap_or_default() != now.moves;
        let has_reason = believed.over >= former || believed.latest > former || has_moved;
        if life == now.life && incarnation > former && !has_reason {
            return Err(format!(
                "n{} went from {former} to {incarnation}, and nobody had given it up",
                machine + 1
            ));
        }
        Ok(())
    }
}
