//! What can go wrong in a run, and how it is mended.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use shoal_scheduler::task::{TaskId, TaskState};

use crate::{
    World,
    links::{Latency, Loss},
};

/// At least so many machines go on running.
const RUNNING_MIN: usize = 2;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A machine loses power: agent and tasks are gone.
    PowerCut,
    /// The agent alone is killed.
    AgentKill,
    /// Everything on a machine stands still for 1 to 12 s.
    Freeze,
    /// The machines fall into two groups that do not hear each other.
    Partition,
    /// One machine does not hear another, which does hear it.
    OneWayCut,
    /// 15 or 30 % of all packets are lost.
    Loss,
    /// Packets take up to 100 ms.
    Latency,
    /// A disk takes no more writes.
    FullDisk,
    /// A store is found damaged at the agent's next start.
    StoreLost,
    /// A store is found damaged while the agent runs.
    StoreDamaged,
    /// A machine's clock jumps by up to a day.
    ClockJump,
    /// A task ends by itself with an error.
    TaskFailure,
}

/// What a fault did, where rules must know it.
pub(super) enum Struck {
    /// Nothing that they can't see.
    Plainly,
    /// A disk lost what it held.
    DiskLost(usize),
}

impl Fault {
    pub(super) const ALL: [Self; 12] = [
        Self::PowerCut,
        Self::AgentKill,
        Self::Freeze,
        Self::Partition,
        Self::OneWayCut,
        Self::Loss,
        Self::Latency,
        Self::FullDisk,
        Self::StoreLost,
        Self::StoreDamaged,
        Self::ClockJump,
        Self::TaskFailure,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PowerCut => "power-cut",
            Self::AgentKill => "agent-kill",
            Self::Freeze => "freeze",
            Self::Partition => "partition",
            Self::OneWayCut => "one-way-cut",
            Self::Loss => "loss",
            Self::Latency => "latency",
            Self::FullDisk => "full-disk",
            Self::StoreLost => "store-lost",
            Self::StoreDamaged => "store-damaged",
            Self::ClockJump => "clock-jump",
            Self::TaskFailure => "task-failure",
        }
    }

    /// Strikes somewhere. None: there is nothing that it could strike.
    pub(super) fn strike(self, world: &mut World, rng: &mut ChaCha8Rng) -> Option<Struck> {
        let running = world.running();
        let index = running[rng.random_range(0..running.len())];
        let may_stop = running.len() > RUNNING_MIN;
        match self {
            Self::PowerCut if may_stop => {
                if world.cut_power(index) {
                    return Some(Struck::DiskLost(index));
                }
            }
            Self::AgentKill if may_stop => world.kill_agent(index),
            Self::StoreLost if may_stop => {
                world.kill_agent(index);
                world.machines[index].disk.lose_entries();
                return Some(Struck::DiskLost(index));
            }
            Self::PowerCut | Self::AgentKill | Self::StoreLost => return None,
            Self::Freeze => world.freeze(index, seconds(rng, 1, 12)),
            Self::Partition => {
                let all = 0..world.machines.len();
                let (left, right): (Vec<usize>, Vec<usize>) =
                    all.partition(|_| rng.random_bool(0.5));
                world.links.partition(&left, &right);
            }
            Self::OneWayCut => {
                let other = rng.random_range(0..world.machines.len());
                world.links.cut_one_way(index, other);
            }
            Self::Loss => {
                let share = f64::from(rng.random_range(1..3)) * 0.15;
                world.links.link.loss = Loss::Independent(share);
            }
            Self::Latency => {
                let max = Duration::from_millis(rng.random_range(5..100));
                world.links.link.latency = Latency::between(Duration::from_micros(200), max);
            }
            Self::FullDisk => world.machines[index].disk.is_full = true,
            Self::StoreDamaged => {
                world.machines[index].disk.is_damaged = true;
                return Some(Struck::DiskLost(index));
            }
            Self::ClockJump => world.machines[index].clock.ahead = seconds(rng, 0, 86_400),
            Self::TaskFailure => fail_a_task(world, rng, index)?,
        }
        Some(Struck::Plainly)
    }
}

fn seconds(rng: &mut ChaCha8Rng, from: u64, to: u64) -> Duration {
    Duration::from_secs(rng.random_range(from..=to))
}

fn fail_a_task(world: &mut World, rng: &mut ChaCha8Rng, index: usize) -> Option<()> {
    let tasks = world.machines[index].tasks.values();
    let running: Vec<TaskId> = tasks
        .filter(|task| task.is_running)
        .map(|task| task.report.id)
        .collect();
    let task = *running.get(rng.random_range(0..running.len().max(1)))?;
    let error = "task: non-zero exit (1)";
    world.end_task(index, task, TaskState::Failed, error);
    Some(())
}

/// Some of what is broken is mended, so that not everything is broken after a while.
pub(super) fn mend_some(world: &mut World, rng: &mut ChaCha8Rng) {
    if rng.random_bool(0.25) {
        world.links.mend();
    }
    if rng.random_bool(0.2) {
        world.links.heal();
    }
    for index in 0..world.machines.len() {
        if rng.random_bool(0.3) {
            world.machines[index].disk.is_full = false;
        }
        if world.machines[index].peer.is_none() && rng.random_bool(0.35) {
            world.boot(index);
        }
    }
}

/// Everything works, and every machine is on. Clocks stay wrong.
pub(super) fn mend_all(world: &mut World) {
    world.links.mend();
    world.links.heal();
    for index in 0..world.machines.len() {
        world.machines[index].disk.is_full = false;
        if world.machines[index].peer.is_none() {
            world.boot(index);
        }
    }
}
