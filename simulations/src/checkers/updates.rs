//! No more slots of a service are down for the sake of updates than its `Parallelism` says, at any moment
//! and whatever the faults, among the nodes that hear of each other; and in the end no update is still under way, and
//! all agree on what became of it.
//!
//! Why: a service is updated in steps so that the others go on serving. A slot that its service has no more, and one of
//! a node that was drained or paused meanwhile, is down for that.

use std::collections::{BTreeMap, BTreeSet};

use shoal_membership::NodeId;
use shoal_scheduler::{
    reconcile::LocalTask,
    task::{ServiceId, Slot, TaskId, TaskState},
    update::Stage,
};

use super::Checker;
use crate::World;

/// The rule, and slots that an update has stopped and that have not run since.
#[derive(Debug, Default)]
pub(super) struct Updates {
    /// Tasks that were seen to be replaced, on each machine.
    replaced: BTreeMap<usize, BTreeSet<TaskId>>,
    /// With the machine that stopped it.
    down: BTreeMap<ServiceId, BTreeMap<Slot, usize>>,
}

impl Checker for Updates {
    fn name(&self) -> &'static str {
        "an update stops no more than its parallelism"
    }

    fn after_event(&mut self, world: &World, machine: usize) -> Result<(), String> {
        let Some(peer) = &world.machines[machine].peer else {
            return Ok(());
        };
        // A job that is asked for anew begins anew at once.
        let replaced = peer.local_tasks().filter(|task| {
            task.is_stopping()
                && task.report.run == 0
                && task.report.message.starts_with("replaced by an update")
        });
        let known = self.replaced.entry(machine).or_default();
        let mut touched = BTreeSet::new();
        for task in replaced {
            if known.insert(task.report.id) && task.report.ran_at.is_some() {
                let slots = self.down.entry(task.report.service).or_default();
                slots.insert(task.report.slot, machine);
                touched.insert(task.report.service);
            }
        }
        if self.down.is_empty() {
            return Ok(());
        }
        self.forget_what_runs(world);
        for service in touched {
            let down = self.down.get(&service).into_iter().flatten();
            // Of what others stopped it need only know if it hears of them.
            let is_known = |(_, by): &(&Slot, &usize)| {
                **by == machine || peer.sees_alive(&world.machines[**by].id())
            };
            let is_wanted = |(slot, _): &(&Slot, &usize)| peer.wants(service, **slot);
            let down = down.filter(is_known).filter(is_wanted);
            let down: Vec<Slot> = down.map(|(slot, _)| *slot).collect();
            let peers = world
                .machines
                .iter()
                .filter_map(|machine| machine.peer.as_ref());
            let limits = peers.filter_map(|peer| peer.parallelism_of(service));
            // 0: no limit.
            let limit = limits
                .map(|limit| if limit == 0 { u64::MAX } else { limit })
                .max();
            if limit.is_some_and(|limit| down.len() as u64 > limit) {
                return Err(format!(
                    "{} slots of {service} are down for an update, the last by n{}: {down:?}",
                    down.len(),
                    machine + 1,
                ));
            }
        }
        Ok(())
    }

    fn at_rest(&self, world: &World) -> Result<(), String> {
        let mut stages: BTreeMap<ServiceId, Stage> = BTreeMap::new();
        for (index, machine) in world.machines.iter().enumerate() {
            let Some(peer) = &machine.peer else { continue };
            let placement = peer.placement();
            let plan = &placement.1;
            for (service, stage) in peer.update_stages() {
                // One that fits nowhere is waited for, as on Swarm, and so is one that a paused node keeps.
                let (input, _) = &placement;
                let alive = |node: &NodeId| {
                    let mut running = world.running().into_iter();
                    running.any(|one| world.machines[one].id() == *node)
                };
                let waits = peer.without_a_key(&alive).any(|waiting| waiting == service)
                    || plan.pending.iter().any(|slot| slot.service == service)
                    || input.keeps.iter().any(|(kept, ..)| *kept == service);
                if stage.goes_on() && !waits {
                    return Err(format!("n{}: {service} is {}", index + 1, stage.as_str()));
                }
                let other = stages.entry(service).or_insert(stage);
                if *other != stage {
                    return Err(format!(
                        "{service} is {} or {}",
                        other.as_str(),
                        stage.as_str()
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Updates {
    fn forget_what_runs(&mut self, world: &World) {
        for machine in &world.machines {
            for task in machine
                .tasks
                .values()
                .filter(|task| task.is_running && !task.is_over)
            {
                if let Some(slots) = self.down.get_mut(&task.report.service) {
                    slots.remove(&task.report.slot);
                }
            }
            // One that came to the new spec and failed there is down for that, if it is tolerated.
            let tasks = machine.peer.iter().flat_map(|peer| {
                let is_new = |task: &&LocalTask| {
                    peer.template_of(task.report.service) == Some(task.report.template)
                };
                peer.local_tasks().filter(is_new)
            });
            for task in tasks {
                let has_failed = matches!(
                    task.report.state,
                    TaskState::Failed | TaskState::Rejected | TaskState::Complete
                );
                if let Some(slots) = self
                    .down
                    .get_mut(&task.report.service)
                    .filter(|_| has_failed)
                {
                    slots.remove(&task.report.slot);
                }
            }
        }
        let peers = || world.machines.iter().filter_map(|one| one.peer.as_ref());
        self.down.retain(|service, slots| {
            slots.retain(|slot, _| peers().any(|peer| peer.wants(*service, *slot)));
            !slots.is_empty()
        });
    }
}
