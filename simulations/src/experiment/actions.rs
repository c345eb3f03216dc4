//! What a plan's faults and deployments do to the world.

use rand::{Rng, RngExt};
use serde_json::json;
use shoal_scheduler::order::{Order, WriteConcern};

use super::Watch;
use crate::{
    World,
    links::Link,
    plan::{FaultKind, FaultPlan, LossPlan, Plan, ServicePlan, Turn, Which},
};

/// Gives the order for a service.
pub(super) fn deploy(world: &mut World, service: &ServicePlan, nodes: usize, watch: &mut Watch) {
    let expected = service.tasks(nodes);
    let is_global = service
        .replicas
        .or(service.replicas_per_node.map(|_| 0))
        .is_none();
    let mode = match is_global {
        true => json!({"Global": {}}),
        false => json!({"Replicated": {"Replicas": expected}}),
    };
    let spec = json!({
        "Name": service.name,
        "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["serve"]}},
        "Mode": mode,
    });
    watch.dissemination.ordered(world, &service.name, expected);
    watch.availability.ordered(&service.name, expected);
    let order = Order::CreateService {
        spec_json: spec.to_string(),
    };
    world.order_with(service.through - 1, order, WriteConcern::One);
}

/// A machine loses power, or gets it back.
pub(super) fn turn(world: &mut World, turn: Turn, watch: &mut Watch) {
    let is_off = world.machines[turn.machine].peer.is_none();
    if turn.is_up && is_off {
        world.boot(turn.machine);
        watch.detection.is_well(world, turn.machine);
    } else if !turn.is_up && !is_off {
        watch
            .detection
            .is_unwell(world, turn.machine, FaultKind::Crash);
        world.cut_power(turn.machine);
    }
}

/// Strikes; the machines that were struck.
pub(super) fn strike(
    world: &mut World,
    fault: &FaultPlan,
    number: u32,
    rng: &mut impl Rng,
    watch: &mut Watch,
) -> Vec<usize> {
    use FaultKind as Kind;
    let struck = match fault.kind {
        Kind::Links => {
            world.links.link = disturbed(&world.links.link, fault);
            return vec![0];
        }
        Kind::Join => outside(world, &fault.machines, number),
        _ => chosen(world, &fault.machines, number, rng),
    };
    if fault.kind == Kind::Partition {
        let others: Vec<usize> = (0..world.machines.len())
            .filter(|one| !struck.contains(one))
            .collect();
        world.links.partition(&struck, &others);
        watch.detection.are_apart(&struck);
        return struck;
    }
    for machine in &struck {
        watch.detection.is_unwell(world, *machine, fault.kind);
        strike_one(world, fault, *machine, rng);
    }
    struck
}

/// A link with what a fault says of it.
fn disturbed(link: &Link, fault: &FaultPlan) -> Link {
    let latency = fault.latency.as_ref().map(|latency| latency.build());
    Link {
        loss: fault.loss.as_ref().map_or(link.loss, LossPlan::build),
        // A plan whose latency is none was refused when it was read.
        latency: match latency {
            Some(Ok(latency)) => latency,
            _ => link.latency.clone(),
        },
        ..link.clone()
    }
}

fn strike_one(world: &mut World, fault: &FaultPlan, machine: usize, rng: &mut impl Rng) {
    use FaultKind as Kind;
    let all: Vec<usize> = (0..world.machines.len()).collect();
    match fault.kind {
        Kind::Crash => {
            world.cut_power(machine);
        }
        Kind::Kill => world.kill_agent(machine),
        Kind::Leave => world.leave(machine),
        Kind::Pause => world.freeze(machine, fault.lasts.unwrap_or_default().0),
        Kind::Slow => world.machines[machine].work = fault.work.unwrap_or_default().0,
        Kind::Isolate => world.links.partition(&[machine], &all),
        Kind::Mute => all
            .iter()
            .for_each(|to| world.links.cut_one_way(machine, *to)),
        Kind::Move => world.move_address(machine),
        Kind::Join => join(world, machine, rng),
        Kind::Wipe => world.wipe(machine),
        Kind::Remove => {
            let node = world.machines[machine].id();
            let by = world.running().into_iter().find(|one| *one != machine);
            if let Some(by) = by {
                world.order(by, Order::RemoveNode { node, force: true });
            }
        }
        Kind::FullDisk => world.machines[machine].disk.is_full = true,
        Kind::Damage => world.machines[machine].disk.is_damaged = true,
        Kind::ClockJump => {
            world.machines[machine].clock.ahead += fault.by.unwrap_or_default().0;
        }
        Kind::MachineLinks => {
            let link = disturbed(&world.links.link, fault);
            world.links.set_all_of(machine, &link);
        }
        Kind::Links | Kind::Partition => {}
    }
}

/// Ends a fault on a machine.
pub(super) fn mend(world: &mut World, plan: &Plan, fault: &FaultPlan, machine: usize) {
    use FaultKind as Kind;
    match fault.kind {
        Kind::Crash | Kind::Kill | Kind::Leave if world.machines[machine].peer.is_none() => {
            world.boot(machine);
        }
        Kind::Slow => world.machines[machine].work = std::time::Duration::ZERO,
        Kind::Partition | Kind::Isolate | Kind::Mute => {
            for other in 0..world.machines.len() {
                world.links.mend_between(machine, other);
            }
        }
        Kind::Links => {
            if let Ok(link) = plan.links.build() {
                world.links.link = link;
            }
        }
        Kind::MachineLinks => world.links.unset_all_of(machine),
        Kind::Wipe => {
            if let Some(by) = world.running().first() {
                world.ask_to_join(machine, *by);
            }
        }
        Kind::FullDisk => world.machines[machine].disk.is_full = false,
        _ => {}
    }
}

fn join(world: &mut World, machine: usize, rng: &mut impl Rng) {
    let running = world.running();
    if !running.is_empty() {
        let by = running[rng.random_range(0..running.len())];
        world.ask_to_join(machine, by);
    }
}

/// The machines that a fault strikes.
fn chosen(world: &World, which: &Which, number: u32, rng: &mut impl Rng) -> Vec<usize> {
    let all = world.machines.len();
    let count = match which {
        Which::Listed(listed) => return listed.iter().map(|one| one - 1).collect(),
        Which::Each(_) => return vec![number as usize % all],
        Which::Count(count) => *count,
        Which::Share(share) => (share.0 * all as f64).round() as usize,
    };
    let mut running = world.running();
    let mut drawn = Vec::new();
    while drawn.len() < count && !running.is_empty() {
        drawn.push(running.swap_remove(rng.random_range(0..running.len())));
    }
    drawn.sort_unstable();
    drawn
}

/// The machines from outside that are next to join.
fn outside(world: &World, which: &Which, number: u32) -> Vec<usize> {
    let outside = (0..world.machines.len()).filter(|one| !world.machines[*one].is_member);
    match which {
        Which::Listed(listed) => listed.iter().map(|one| one - 1).collect(),
        Which::Each(_) => outside.skip(number as usize).take(1).collect(),
        Which::Count(count) => outside.take(*count).collect(),
        Which::Share(share) => {
            let all: Vec<usize> = outside.collect();
            let count = (share.0 * all.len() as f64).round() as usize;
            all.into_iter().take(count).collect()
        }
    }
}
