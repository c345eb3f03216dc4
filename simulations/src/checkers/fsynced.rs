//! What a person is told is safe is on the disk of the machine that says so, at that moment.
//!
//! Why: power may fail in the next one. That the write is elsewhere too in most cases would hide an
//! acknowledgement that came too early, so it is looked at when it is given.

use std::{collections::BTreeMap, time::Duration};

use super::{Checker, Happening};
use crate::World;

/// A write is acknowledged within this time; a disk that was lost meanwhile may lack it.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(60);

/// Disks that were lost, and what was found wrong since the last event.
#[derive(Debug, Default)]
pub(super) struct Fsynced {
    lost: BTreeMap<usize, Duration>,
    wrong: Option<String>,
}

impl Checker for Fsynced {
    fn name(&self) -> &'static str {
        "what is acknowledged is on the disk"
    }

    fn heard(&mut self, world: &World, happening: &Happening) {
        match happening {
            Happening::DiskLost { machine } => {
                self.lost.insert(*machine, world.now());
            }
            Happening::Acknowledged { machine, key } => {
                let now = &world.machines[*machine];
                let Some(peer) = &now.peer else { return };
                let lost_at = self.lost.get(machine).copied();
                let was_lost = lost_at.is_some_and(|at| world.now() < at + ACKNOWLEDGED_WITHIN);
                let actor = peer.registry().author();
                let dot = peer
                    .registry()
                    .entry(key)
                    .map(|one| one.clock().get(&actor));
                let dot = dot.filter(|dot| *dot > 0 && !was_lost);
                if dot.is_some_and(|dot| !now.disk.holds(key, actor, dot)) {
                    let what = format!("n{} acknowledged {key} and lacks it", machine + 1);
                    self.wrong.get_or_insert(what);
                }
            }
            Happening::Removed { .. } | Happening::Quiet | Happening::Still => {}
        }
    }

    fn after_event(&mut self, world: &World, machine: usize) -> Result<(), String> {
        // A damaged store is replaced at its next write.
        if world.machines[machine].disk.is_damaged {
            self.lost.insert(machine, world.now());
        }
        self.wrong.take().map_or(Ok(()), Err)
    }
}
