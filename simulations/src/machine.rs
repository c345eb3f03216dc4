//! One machine: a disk that lasts, tasks, and a peer while the agent runs.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use shoal_membership::{Addresses, ClusterId, NodeId, Now, Profile, SecretKey};
use shoal_scheduler::{
    peer::{Adopted, Config, Peer, Timing},
    placement::PLACEMENT_VERSION,
    spec::ServiceSpec,
    task::{TaskId, TaskReport, TaskState},
    view::NodeFacts,
};

use crate::Disk;

/// A task that runs, or ran, on a machine.
#[derive(Clone, Debug)]
pub struct SimTask {
    /// As it was started.
    pub report: TaskReport,
    /// What it is.
    pub spec: Arc<ServiceSpec>,
    /// Whether it runs now.
    pub is_running: bool,
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
    /// Until when it is frozen. Arrivals wait.
    pub frozen_until: Duration,
    /// What its clock shows beyond the true time.
    pub clock_ahead: Duration,
    pub(crate) next_wake: Option<Duration>,
    id: NodeId,
}

impl Machine {
    pub(crate) fn new(index: usize) -> Self {
        let mut seed = [0x5a; 32];
        seed[..8].copy_from_slice(&(index as u64).to_le_bytes());
        let secret = SecretKey::from_seed(&seed);
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
            frozen_until: Duration::ZERO,
            clock_ahead: Duration::ZERO,
            next_wake: None,
        }
    }

    /// Its node id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    pub(crate) fn now(&self, time: Duration) -> Now {
        let epoch = Duration::from_secs(1_700_000_000);
        Now {
            monotonic: time,
            wall: epoch + time + self.clock_ahead,
        }
    }

    /// Starts the agent on what the disk holds, with the tasks that outlived it.
    pub(crate) fn boot(
        &mut self,
        index: usize,
        cluster: ClusterId,
        founder_nonce: Option<[u8; 16]>,
        profile: Profile,
        seed: u64,
        time: Duration,
    ) {
        self.life += 1;
        let mut timing = Timing::of(profile);
        timing.forget_after = self.forget_after.unwrap_or(timing.forget_after);
        let config = Config {
            secret: self.secret.clone(),
            cluster,
            addresses: address_of(index),
            facts: facts_of(index),
            labels: self.labels.clone(),
            profile,
            timing,
            seed: seed ^ (index as u64) << 32 ^ self.life << 16,
            founder_nonce,
        };
        let mut memory = self.disk.memory();
        memory.tasks = self.tasks.values().map(adopted).collect();
        self.peer = Some(Peer::new(config, memory, self.now(time)));
    }
}

fn adopted(task: &SimTask) -> Adopted {
    let mut report = task.report.clone();
    report.state = if task.is_running {
        TaskState::Running
    } else {
        TaskState::Failed
    };
    Adopted {
        report,
        spec: task.spec.clone(),
    }
}

pub(crate) fn address_of(index: usize) -> Addresses {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    SocketAddr::from((Ipv4Addr::from(0x0a00_0001 + index), 7900)).into()
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
        engine_labels: BTreeMap::new(),
        placement_version: PLACEMENT_VERSION,
    }
}
