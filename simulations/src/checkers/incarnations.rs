//! A life of an agent begins above every incarnation of its lives before.
//!
//! Why: the others tell its reports of this life from those of a former one by the incarnation. In a
//! life that is not new they take the first for the older, and heed none of it.

use std::collections::BTreeMap;

use super::Checker;
use crate::World;

/// An agent, from one start to its end.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    number: u64,
    /// The highest incarnation of this life and all before it.
    highest: u64,
    /// What the disk had taken and refused when this life began.
    writes: u64,
    refused: u64,
}

/// The last life seen of each machine, and of each key that it had.
#[derive(Debug, Default)]
pub(super) struct Incarnations(BTreeMap<(usize, u64), Life>);

impl Checker for Incarnations {
    fn name(&self) -> &'static str {
        "no two lives have one incarnation"
    }

    fn after_event(&mut self, world: &World, machine: usize) -> Result<(), String> {
        let now = &world.machines[machine];
        let Some(peer) = &now.peer else {
            return Ok(());
        };
        let incarnation = peer.membership().me().incarnation;
        let last = self.0.entry((machine, now.keys)).or_default();
        let before = *last;
        last.highest = last.highest.max(incarnation);
        if before.number == now.life {
            return Ok(());
        }
        last.number = now.life;
        (last.writes, last.refused) = (now.disk.writes, now.disk.refused);
        // Where the disk took nothing, nothing can be remembered.
        let could_persist = now.disk.writes > before.writes && now.disk.refused == before.refused;
        if could_persist && incarnation <= before.highest {
            return Err(format!(
                "n{} starts as {incarnation}; it was {} before",
                machine + 1,
                before.highest
            ));
        }
        Ok(())
    }
}
