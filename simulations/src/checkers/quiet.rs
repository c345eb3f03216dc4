//! When nothing happens, nearly nothing is said or written.
//!
//! Why: two nodes that each take the other for the one that is behind sync for ever, and nobody notices
//! but the battery, the meter of the mobile link and the SD card. Probes and comparisons of member lists
//! go on; what is written are findings, such as tombstones that are forgotten.

use std::time::Duration;

use super::{Checker, Happening};
use crate::World;

/// Messages on streams that a node may send in a minute, on the average: comparisons of member lists
/// come once in 5 s at most, and each is a question and an answer.
const MESSAGES_MAX: f64 = 30.0;
/// Writes to its disk, on the average.
const WRITES_MAX: f64 = 6.0;

/// The rule.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    since: Option<Count>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    at: Duration,
    messages: u64,
    writes: u64,
}

impl Count {
    fn of(world: &World) -> Self {
        Self {
            at: world.now(),
            messages: world.traffic.messages,
            writes: world.machines.iter().map(|one| one.disk.writes).sum(),
        }
    }
}

impl Checker for Quiet {
    fn name(&self) -> &'static str {
        "a cluster at rest is quiet"
    }

    fn heard(&mut self, world: &World, happening: &Happening) {
        if matches!(happening, Happening::Still) {
            self.since = Some(Count::of(world));
        }
    }

    fn at_rest(&self, world: &World) -> Result<(), String> {
        let Some(since) = self.since else {
            return Ok(());
        };
        // An update that waits for a slot goes on through the others, and is talked about.
        let mut peers = world.machines.iter().filter_map(|one| one.peer.as_ref());
        if peers.any(|peer| peer.update_stages().any(|(_, stage)| stage.goes_on())) {
            return Ok(());
        }
        let now = Count::of(world);
        let minutes = (now.at - since.at).as_secs_f64() / 60.0;
        let node_minutes = minutes * world.running().len().max(1) as f64;
        let messages = (now.messages - since.messages) as f64 / node_minutes;
        let writes = (now.writes - since.writes) as f64 / node_minutes;
        match messages > MESSAGES_MAX || writes > WRITES_MAX {
            true => Err(format!(
                "{messages:.1} messages and {writes:.1} writes a node and minute"
            )),
            false => Ok(()),
        }
    }
}
