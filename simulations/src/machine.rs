//! One machine: a disk that lasts, tasks, and a peer while the agent runs.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rand::SeedableRng;
use rand_xoshiro::SplitMix64;
use shoal_membership::{Addresses, ClusterId, NodeId, Now, Profile, SecretKey};
use shoal_scheduler::{
    peer::{Adopted, Config, Peer, Timing},
    placement::{LoadCaps, PLACEMENT_VERSION, Planner},
    spec::ServiceSpec,
    task::{TaskId, TaskReport, TaskState},
    view::NodeFacts,
};

use crate::{Clock, Disk, event::Event, streams};

/// A task that runs, or ran, on a machine.
#[derive(Clone, Debug)]
pub struct SimTask {
    /// As it was started.
    pub report: TaskReport,
    /// What it is.
    pub spec: Arc<ServiceSpec>,
    /// Whether it runs now.
    pub is_running: bool,
    /// Whether it was told to stop, or has ended: it will not come to run any more.
    pub is_over: bool,
}

/// A machine.
#[derive(Debug)]
pub struct Machine {
    /// Its key.
    pub secret: SecretKey,
    /// Its disk.
    pub disk: Disk,
    /// Its agent; none while it does not run.
    pub peer: Option<Peer>,
    /// Its tasks.
    pub tasks: BTreeMap<TaskId, SimTask>,
    /// Counts the lives of its agent, so that nothing meant for a former one arrives.
    pub life: u64,
    /// Counts its power cuts: what was about to happen to a task then does not.
    pub power_cuts: u64,
    /// Labels that its agent starts with.
    pub labels: BTreeMap<String, String>,
    /// When its agent evicts a silent member. None: as the profile says.
    pub forget_after: Option<Duration>,
    /// For how long its agent keeps a removal at least. None: as the profile says.
    pub tombstone_age: Option<Duration>,
    /// Until when it is frozen. Arrivals wait.
    pub frozen_until: Duration,
    /// Its clocks.
    pub clock: Clock,
    /// A slow machine takes so long for each event; others wait for their turn meanwhile. 0.
    pub work: Duration,
    /// How long a plan takes, beside all else. 1 ms.
    pub planning: Duration,
    pub(crate) busy_until: Duration,
    /// What arrived while it was busy or stood still, in order.
    pub(crate) waiting: VecDeque<Event>,
    /// Nobody can dial it.
    pub(crate) is_behind_nat: bool,
    /// Whether the cluster ever admitted it, and it has not lost its key since.
    pub(crate) is_member: bool,
    /// Whether the cluster has removed it, and it is on its way out.
    pub(crate) is_removed: bool,
    /// Whether its removal was ordered, whoever knows of that by now.
    pub(crate) is_condemned: bool,
    /// How many keys it had before this one.
    pub(crate) keys: u64,
    /// How often its address has changed.
    pub(crate) moves: u32,
    /// Images that it has.
    pub(crate) images: BTreeSet<String>,
    pub(crate) rng: SplitMix64,
    pub(crate) planner: Planner,
    pub(crate) next_wake: Option<Duration>,
    id: NodeId,
}

impl Machine {
    pub(crate) fn new(index: usize, seed: u64) -> Self {
        let secret = key_of(index, 0);
        Self {
            id: secret.node_id(),
            secret,
            disk: Disk::new(1),
            peer: None,
            tasks: BTreeMap::new(),
            life: 0,
            power_cuts: 0,
            labels: BTreeMap::new(),
            forget_after: None,
            tombstone_age: None,
            frozen_until: Duration::ZERO,
            clock: Clock::default(),
            work: Duration::ZERO,
            planning: Duration::from_millis(1),
            busy_until: Duration::ZERO,
            waiting: VecDeque::new(),
            is_behind_nat: false,
            is_member: index == 0,
            is_removed: false,
            is_condemned: false,
            keys: 0,
            moves: 0,
            images: BTreeSet::new(),
            rng: SplitMix64::seed_from_u64(streams::machine(seed, index)),
            planner: Planner::default(),
            next_wake: None,
        }
    }

    /// Its node id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    pub(crate) fn now(&self, time: Duration) -> Now {
        self.clock.at(time)
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self, index: usize) -> SocketAddr {
        let host = u32::try_from(index).unwrap_or(u32::MAX >> 8);
        let host = host
            .wrapping_add(self.moves << 16)
            .wrapping_add(0x0a00_0001);
        SocketAddr::from((Ipv4Addr::from(host), 7900))
    }

    /// Everything that it kept is gone, its key too.
    pub(crate) fn wipe(&mut self, index: usize) {
        self.keys += 1;
        self.secret = key_of(index, self.keys);
        self.id = self.secret.node_id();
        let (delay, torn_share) = (self.disk.delay.clone(), self.disk.torn_share);
        self.disk = Disk::new(self.keys << 32 | 1);
        (self.disk.delay, self.disk.torn_share) = (delay, torn_share);
        self.tasks.clear();
        self.images.clear();
        (self.is_member, self.is_removed, self.is_condemned) = (false, false, false);
    }

    /// What its agent is in its n-th life.
    pub(crate) fn config(&self, index: usize, birth: &Birth<'_>, life: u64) -> Config {
        let mut timing = birth.protocol.timing.clone();
        timing.forget_after = self.forget_after.unwrap_or(timing.forget_after);
        timing.tombstone_age = self.tombstone_age.unwrap_or(timing.tombstone_age);
        Config {
            secret: self.secret.clone(),
            cluster: birth.cluster,
            addresses: Addresses::from(self.address(index)),
            facts: facts_of(index),
            labels: self.labels.clone(),
            profile: birth.profile,
            timing,
            swim: birth.protocol.swim.clone(),
            anti_entropy: birth.protocol.anti_entropy,
            load_caps: birth.protocol.load_caps,
            seed: birth.seed ^ (index as u64) << 32 ^ life << 16,
            founder_nonce: birth.founder_nonce,
        }
    }

    /// Starts the agent on what the disk holds, with the tasks that outlived it.
    pub(crate) fn boot(&mut self, index: usize, birth: &Birth<'_>, time: Duration) {
        self.life += 1;
        let config = self.config(index, birth, self.life);
        let mut memory = self.disk.memory();
        let now = self.now(time);
        let found = self.tasks.values().map(|task| adopted(task, now.wall));
        memory.tasks = found.collect();
        self.peer = Some(Peer::new(config, memory, now));
    }
}

/// What an agent is born with, whatever its machine.
#[derive(Debug)]
pub(crate) struct Birth<'a> {
    pub(crate) cluster: ClusterId,
    pub(crate) founder_nonce: Option<[u8; 16]>,
    pub(crate) profile: Profile,
    pub(crate) protocol: &'a Protocol,
    pub(crate) seed: u64,
}

/// Parameters of the protocols, the same for all agents. A change holds from an agent's next start.
#[derive(Clone, Debug)]
pub struct Protocol {
    /// Times of the scheduler.
    pub timing: Timing,
    /// The failure detector; none: as the profile says, by the size of the cluster.
    pub swim: Option<shoal_membership::Config>,
    /// Whether registries are compared and mended.
    pub anti_entropy: bool,
    /// Whether placement caps the load of a node.
    pub load_caps: LoadCaps,
}

impl Protocol {
    /// As shipped.
    #[must_use]
    pub fn of(profile: Profile) -> Self {
        Self {
            timing: Timing::of(profile),
            swim: None,
            anti_entropy: true,
            load_caps: LoadCaps::On,
        }
    }
}

/// As an engine tells it: what died with its machine has ended when the engine is there again.
fn adopted(task: &SimTask, wall: Duration) -> Adopted {
    let mut report = task.report.clone();
    report.state = if task.is_running {
        TaskState::Running
    } else {
        report.state_at = wall;
        TaskState::Failed
    };
    Adopted {
        report,
        spec: task.spec.clone(),
    }
}

fn key_of(index: usize, number: u64) -> SecretKey {
    let mut seed = [0x5a; 32];
    seed[..8].copy_from_slice(&(index as u64).to_le_bytes());
    seed[8..16].copy_from_slice(&number.wrapping_add(0x5a5a_5a5a_5a5a_5a5a).to_le_bytes());
    SecretKey::from_seed(&seed)
}

pub(crate) fn facts_of(index: usize) -> NodeFacts {
    NodeFacts {
        hostname: format!("n{}", index + 1),
        architecture: "amd64".into(),
        os: "linux".into(),
        nano_cpus: 4_000_000_000,
        memory_bytes: 8 << 30,
        runtimes: vec!["process".into()],
        engine_version: "sim".into(),
        engine_trouble: String::new(),
        engine_labels: BTreeMap::new(),
        plugins: Vec::new(),
        generic_resources: BTreeMap::new(),
        placement_version: PLACEMENT_VERSION,
    }
}
