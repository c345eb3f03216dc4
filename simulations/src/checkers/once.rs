//! In the end every slot that can be placed runs exactly once, and nothing else runs.
//!
//! Why: it is what people ordered.

use std::collections::BTreeMap;

use shoal_scheduler::task::{ServiceId, Slot};

use super::Checker;
use crate::World;

/// The rule.
#[derive(Debug)]
pub(super) struct Once;

impl Checker for Once {
    fn name(&self) -> &'static str {
        "every slot runs once"
    }

    fn at_rest(&self, world: &World) -> Result<(), String> {
        let mut copies: BTreeMap<(ServiceId, Slot), usize> = BTreeMap::new();
        let tasks = world
            .machines
            .iter()
            .flat_map(|machine| machine.tasks.values());
        for task in tasks.filter(|task| task.is_running) {
            *copies
                .entry((task.report.service, task.report.slot))
                .or_default() += 1;
        }
        let first = world
            .machines
            .iter()
            .find_map(|machine| machine.peer.as_ref());
        let Some(peer) = first else {
            return Err("no agent runs".to_owned());
        };
        let (_, plan) = peer.placement();
        let wanted: BTreeMap<(ServiceId, Slot), usize> = plan
            .iter()
            .map(|(service, slot, _)| ((service, slot), 1))
            .collect();
        match copies == wanted {
            true => Ok(()),
            false => Err(format!("{copies:?} run, {wanted:?} should")),
        }
    }
}
