//! What can go wrong in a run, and how it is mended.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use shoal_membership::NodeId;
use shoal_scheduler::{
    order::{Order, WriteConcern},
    task::{TaskId, TaskState},
};

use crate::{
    Disk, World,
    links::{Bursts, Latency, Loss},
};

/// At least so many machines go on running.
const RUNNING_MIN: usize = 2;
/// At most one machine of so many loses its place and its key in a run.
const REMOVED_SHARE: usize = 4;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A machine loses power: agent and tasks are gone.
    PowerCut,
    /// The agent alone is killed.
    AgentKill,
    /// The agent is told to stop: it hands its tasks over.
    Leave,
    /// Everything on a machine stands still for 1 to 12 s.
    Freeze,
    /// A machine needs 1 to 15 ms for each event.
    SlowMachine,
    /// The machines fall into two groups that do not hear each other.
    Partition,
    /// One machine does not hear another, which does hear it.
    OneWayCut,
    /// Some pairs do not hear each other, though others hear both.
    PartialCut,
    /// 15 or 30 % of all packets are lost.
    Loss,
    /// Packets are lost in bursts: 1 of 50 begins one, of 20 packets, 70 % of which are lost.
    Bursts,
    /// One of ten datagrams arrives twice, and one of five is overtaken.
    Disorder,
    /// Packets take up to 100 ms.
    Latency,
    /// Links carry 256 kbit/s to 2 Mbit/s.
    ThinLinks,
    /// A machine gets another address.
    Move,
    /// A disk takes no more writes.
    FullDisk,
    /// A disk takes up to 2 s for a write.
    SlowDisk,
    /// A store is found damaged at the agent's next start.
    StoreLost,
    /// A store is found damaged while the agent runs.
    StoreDamaged,
    /// A machine gets an empty disk, and joins as a new one.
    Wipe,
    /// A machine that was outside, or was removed, or wiped, joins.
    Join,
    /// A member is removed by force, and its key revoked.
    Removal,
    /// A machine's wall clock jumps by up to a day.
    ClockJump,
    /// A machine's clocks gain or lose up to 1 %.
    ClockDrift,
    /// A task ends by itself with an error.
    TaskFailure,
}

/// What a fault did, where rules must know it.
pub(super) enum Struck {
    /// Nothing that they can't see.
    Plainly,
    /// A disk lost what it held.
    DiskLost(usize),
    /// A member was removed.
    Removed(usize, NodeId),
}

impl Fault {
    pub(super) const ALL: [Self; 24] = [
        Self::PowerCut,
        Self::AgentKill,
        Self::Leave,
        Self::Freeze,
        Self::SlowMachine,
        Self::Partition,
        Self::OneWayCut,
        Self::PartialCut,
        Self::Loss,
        Self::Bursts,
        Self::Disorder,
        Self::Latency,
        Self::ThinLinks,
        Self::Move,
        Self::FullDisk,
        Self::SlowDisk,
        Self::StoreLost,
        Self::StoreDamaged,
        Self::Wipe,
        Self::Join,
        Self::Removal,
        Self::ClockJump,
        Self::ClockDrift,
        Self::TaskFailure,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PowerCut => "power-cut",
            Self::AgentKill => "agent-kill",
            Self::Leave => "leave",
            Self::Freeze => "freeze",
            Self::SlowMachine => "slow-machine",
            Self::Partition => "partition",
            Self::OneWayCut => "one-way-cut",
            Self::PartialCut => "partial-cut",
            Self::Loss => "loss",
            Self::Bursts => "bursts",
            Self::Disorder => "disorder",
            Self::Latency => "latency",
            Self::ThinLinks => "thin-links",
            Self::Move => "move",
            Self::FullDisk => "full-disk",
            Self::SlowDisk => "slow-disk",
            Self::StoreLost => "store-lost",
            Self::StoreDamaged => "store-damaged",
            Self::Wipe => "wipe",
            Self::Join => "join",
            Self::Removal => "removal",
            Self::ClockJump => "clock-jump",
            Self::ClockDrift => "clock-drift",
            Self::TaskFailure => "task-failure",
        }
    }

    /// Strikes somewhere. None: there is nothing that it could strike.
    pub(super) fn strike(self, world: &mut World, rng: &mut ChaCha8Rng) -> Option<Struck> {
        match self {
            Self::PowerCut
            | Self::AgentKill
            | Self::Leave
            | Self::StoreLost
            | Self::Wipe
            | Self::Removal => self.stop_one(world, rng),
            Self::Partition
            | Self::OneWayCut
            | Self::PartialCut
            | Self::Loss
            | Self::Bursts
            | Self::Disorder
            | Self::Latency
            | Self::ThinLinks => {
                self.disturb_links(world, rng);
                Some(Struck::Plainly)
            }
            _ => self.disturb_one(world, rng),
        }
    }

    /// Whether a machine's place in the cluster is gone for good.
    fn unseats(self) -> bool {
        matches!(self, Self::Wipe | Self::Removal)
    }

    /// Faults after which a machine does not run.
    fn stop_one(self, world: &mut World, rng: &mut ChaCha8Rng) -> Option<Struck> {
        let index = any_running(world, rng)?;
        let running = world.running().len();
        if running <= RUNNING_MIN {
            return None;
        }
        if self.unseats() && is_needed(world, index) {
            return None;
        }
        // What a node wrote before it was removed, and nobody has heard, does not count: whom it
        // admitted meanwhile stays outside until it joins anew.
        if self == Self::Removal && !world.admissions_are_known() {
            return None;
        }
        if self != Self::Removal {
            tracing::info!(machine = index + 1, "fault: {}", self.name());
        }
        let is_lost = match self {
            Self::PowerCut => world.cut_power(index),
            Self::StoreLost => {
                world.kill_agent(index);
                world.machines[index].disk.lose_entries();
                true
            }
            Self::Wipe => {
                world.wipe(index);
                true
            }
            Self::Removal => return remove(world, rng, index),
            Self::Leave => {
                world.leave(index);
                false
            }
            _ => {
                world.kill_agent(index);
                false
            }
        };
        Some(match is_lost {
            true => Struck::DiskLost(index),
            false => Struck::Plainly,
        })
    }

    fn disturb_links(self, world: &mut World, rng: &mut ChaCha8Rng) {
        tracing::info!("fault: {}", self.name());
        let all = 0..world.machines.len();
        let any = |rng: &mut ChaCha8Rng| rng.random_range(all.clone());
        let link = &mut world.links.link;
        match self {
            Self::Partition => {
                let (left, right): (Vec<usize>, Vec<usize>) =
                    all.partition(|_| rng.random_bool(0.5));
                world.links.partition(&left, &right);
            }
            Self::OneWayCut => world.links.cut_one_way(any(rng), any(rng)),
            Self::PartialCut => {
                for _ in 0..rng.random_range(1..=world.machines.len()) {
                    world.links.partition(&[any(rng)], &[any(rng)]);
                }
            }
            Self::Loss => {
                link.loss = Loss::Independent(f64::from(rng.random_range(1..3)) * 0.15);
            }
            Self::Bursts => {
                link.loss = Loss::Bursts(Bursts {
                    to_bad: 0.02,
                    to_good: 0.05,
                    loss_good: 0.0,
                    loss_bad: 0.7,
                });
            }
            Self::Disorder => (link.duplication, link.reordering) = (0.1, 0.2),
            Self::ThinLinks => link.bandwidth_bps = Some(rng.random_range(256_000..2_000_000)),
            _ => {
                let max = Duration::from_millis(rng.random_range(5..100));
                link.latency = Latency::between(Duration::from_micros(200), max);
            }
        }
    }

    fn disturb_one(self, world: &mut World, rng: &mut ChaCha8Rng) -> Option<Struck> {
        if self == Self::Join {
            return join_one(world, rng);
        }
        let index = any_running(world, rng)?;
        if self == Self::Move && is_needed(world, index) {
            return None;
        }
        tracing::info!(machine = index + 1, "fault: {}", self.name());
        let machine = &mut world.machines[index];
        match self {
            Self::Freeze => world.freeze(index, seconds(rng, 1, 12)),
            Self::SlowMachine => machine.work = Duration::from_millis(rng.random_range(1..=15)),
            Self::Move => world.move_address(index),
            Self::FullDisk => machine.disk.is_full = true,
            Self::SlowDisk => machine.disk.delay = Duration::ZERO..=seconds(rng, 1, 2),
            Self::StoreDamaged => {
                machine.disk.is_damaged = true;
                return Some(Struck::DiskLost(index));
            }
            Self::ClockJump => machine.clock.ahead = seconds(rng, 0, 86_400),
            Self::ClockDrift => world.drift(index, rng.random_range(-10_000..=10_000)),
            _ => fail_a_task(world, rng, index)?,
        }
        Some(Struck::Plainly)
    }
}

/// Where some machines are behind a NAT, those that are not have to stay members, and where they are:
/// else those behind it could never find anybody again.
fn is_needed(world: &World, index: usize) -> bool {
    let has_nat = world.machines.iter().any(|machine| machine.is_behind_nat);
    has_nat && !world.machines[index].is_behind_nat
}

fn any_running(world: &World, rng: &mut ChaCha8Rng) -> Option<usize> {
    let running = world.running();
    running
        .get(rng.random_range(0..running.len().max(1)))
        .copied()
}

/// Some member orders the removal of another. Few are removed in a run: the rest is to stay a cluster. What
/// a removed member wrote that nobody had heard of is void, admissions too: so it is waited until all know
/// what there is.
fn remove(world: &mut World, rng: &mut ChaCha8Rng, index: usize) -> Option<Struck> {
    let by = any_running(world, rng)?;
    let machines = world.machines.iter();
    let lost = machines
        .filter(|one| one.keys > 0 || one.is_condemned)
        .count();
    let is_odd = by == index || world.machines[by].is_condemned || !world.registries_agree();
    if is_odd || lost * REMOVED_SHARE >= world.machines.len() {
        return None;
    }
    tracing::info!(machine = index + 1, by = by + 1, "fault: removal");
    world.machines[index].is_condemned = true;
    let node = world.machines[index].id();
    let order = Order::RemoveNode { node, force: true };
    world.order_with(by, order, WriteConcern::One);
    Some(Struck::Removed(index, node))
}

/// A machine that is no member asks one that is.
fn join_one(world: &mut World, rng: &mut ChaCha8Rng) -> Option<Struck> {
    let by = any_running(world, rng).filter(|by| !world.machines[*by].is_condemned)?;
    let outside = |one: &&usize| !world.machines[**one].is_member;
    let all: Vec<usize> = (0..world.machines.len()).collect();
    let newcomer = *all.iter().find(outside)?;
    world.ask_to_join(newcomer, by)?;
    tracing::info!(machine = newcomer + 1, by = by + 1, "fault: join");
    Some(Struck::Plainly)
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
            mend_machine(world, index);
        }
        if world.machines[index].peer.is_none() && rng.random_bool(0.35) {
            world.boot(index);
        }
    }
}

fn mend_machine(world: &mut World, index: usize) {
    let machine = &mut world.machines[index];
    machine.disk.is_full = false;
    machine.disk.delay = Disk::DELAY;
    machine.work = Duration::ZERO;
}

/// Everything works, every member is on, and old addresses lead to those who had them. Clocks stay wrong,
/// and NATs stay where they are.
pub(super) fn mend_all(world: &mut World) {
    world.links.mend();
    world.links.heal();
    world.forward_old_addresses();
    world.runtime.crash_share = 0.0;
    world.runtime.reject_share = 0.0;
    for index in 0..world.machines.len() {
        mend_machine(world, index);
        if world.machines[index].peer.is_none() {
            world.boot(index);
        }
    }
}
