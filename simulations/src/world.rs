//! The event loop: what was sent arrives, what was asked of a disk or a runtime is done, time moves
//! to the next event.

mod effects;
mod observing;
mod orders;
mod plans;
mod prepared;
mod traffic;

use std::{collections::BTreeMap, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shoal_membership::{ClusterId, NodeId, Profile, SecretKey};
use shoal_scheduler::{
    order::{OrderError, Receipt},
    peer::{Input, JoinDenied, TaskChange, Ticket, Welcome},
    task::{TaskId, TaskState},
};

pub use self::traffic::Traffic;
use crate::{Links, Machine, queue::Queue};

/// How an order or a join ended.
#[derive(Debug)]
pub enum Outcome {
    /// An order.
    Ordered(Result<Receipt, OrderError>),
    /// A join.
    Joined(Result<Welcome, JoinDenied>),
}

#[derive(Debug)]
enum What {
    Wake,
    Arrive(Input),
    /// A batch reaches the disk.
    Disk(Ticket, Box<shoal_scheduler::peer::Batch>),
    /// A task runs, or has ended.
    Runtime(TaskId, TaskState),
}

#[derive(Debug)]
struct Event {
    machine: usize,
    life: u64,
    what: What,
}

/// Machines, the network between them, and the time.
#[derive(Debug)]
pub struct World {
    /// The machines.
    pub machines: Vec<Machine>,
    /// The network.
    pub links: Links,
    /// How long a task takes from its start until it runs.
    pub start_delay: Duration,
    /// How long a disk takes.
    pub disk_delay: Duration,
    /// Running hash of everything that happened: equal for equal runs.
    pub trace: u64,
    /// What went over the network so far.
    pub traffic: Traffic,
    now: Duration,
    events: Queue<Event>,
    events_now: u64,
    next_order: u64,
    rng: ChaCha8Rng,
    seed: u64,
    profile: Profile,
    cluster: ClusterId,
    indexes: BTreeMap<NodeId, usize>,
    /// Questions under way: the name at the one asked, to who asked and its name there.
    questions: BTreeMap<(usize, Ticket), (usize, u64, Ticket)>,
    outcomes: BTreeMap<(usize, Ticket), Outcome>,
    removed: Vec<usize>,
    stopped: Vec<usize>,
    plans: plans::Plans,
}

const NONCE: [u8; 16] = [7; 16];
/// Most events at one moment.
const EVENTS_AT_ONCE_MAX: u64 = 100_000;

impl World {
    /// A world of machines that are off.
    #[must_use]
    pub fn new(machines: usize, profile: Profile, seed: u64) -> Self {
        let machines: Vec<Machine> = (0..machines).map(Machine::new).collect();
        let founder = machines.first().map(|machine| machine.secret.public());
        let founder = founder.unwrap_or_else(|| SecretKey::from_seed(&[0; 32]).public());
        Self {
            indexes: machines
                .iter()
                .enumerate()
                .map(|(index, one)| (one.id(), index))
                .collect(),
            machines,
            links: Links::default(),
            start_delay: Duration::from_millis(20),
            disk_delay: Duration::from_millis(2),
            trace: 0,
            traffic: Traffic::default(),
            now: Duration::ZERO,
            events: Queue::default(),
            events_now: 0,
            next_order: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            seed,
            profile,
            cluster: ClusterId::founded_by(&founder, &NONCE),
            questions: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            removed: Vec::new(),
            stopped: Vec::new(),
            plans: plans::Plans::default(),
        }
    }

    /// A cluster: the first machine founds it, the others join it, and all know one another.
    #[must_use]
    pub fn cluster(machines: usize, profile: Profile, seed: u64) -> Self {
        let mut world = Self::new(machines, profile, seed);
        world.found();
        world
    }

    /// Makes a cluster of machines that are off: the first founds it, the others join it.
    pub fn found(&mut self) {
        self.boot(0);
        self.run_for(Duration::from_millis(100));
        self.make_token();
        for index in 1..self.machines.len() {
            self.join(index, 0);
        }
        let everybody: Vec<usize> = (0..self.machines.len()).collect();
        let limit = self.now + Duration::from_secs(60);
        while self.now < limit && !self.all_see(&everybody, &everybody) {
            self.run_for(Duration::from_millis(50));
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Machines that learnt of their removal.
    #[must_use]
    pub fn removed(&self) -> &[usize] {
        &self.removed
    }

    /// Machines whose agents stopped as they were told.
    #[must_use]
    pub fn stopped(&self) -> &[usize] {
        &self.stopped
    }

    /// Switches a machine on, or starts its agent again.
    pub fn boot(&mut self, index: usize) {
        let founder_nonce = (index == 0).then_some(NONCE);
        let (cluster, profile, seed, now) = (self.cluster, self.profile, self.seed, self.now);
        self.machines[index].boot(index, cluster, founder_nonce, profile, seed, now);
        self.carry_out(index);
    }

    /// SIGKILL to the agent: its tasks go on.
    pub fn kill_agent(&mut self, index: usize) {
        self.machines[index].peer = None;
        self.machines[index].life += 1;
        self.machines[index].next_wake = None;
    }

    /// A power cut: the tasks are gone too.
    pub fn cut_power(&mut self, index: usize) {
        self.kill_agent(index);
        self.machines[index].power_cuts += 1;
        for task in self.machines[index].tasks.values_mut() {
            task.is_running = false;
        }
    }

    /// SIGSTOP for that long: arrivals wait, time passes.
    pub fn freeze(&mut self, index: usize, duration: Duration) {
        self.machines[index].frozen_until = self.now + duration;
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.events.next_at().is_some_and(|at| at <= until) {
            self.step();
        }
        self.now = until;
    }

    /// Lets time pass until something holds, looking after every event. Whether it came to hold.
    pub fn run_until(&mut self, limit: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + limit;
        loop {
            if holds(self) {
                return true;
            }
            match self.events.next_at() {
                Some(at) if at <= until => {
                    self.step();
                }
                _ => break,
            }
        }
        self.now = until;
        holds(self)
    }

    /// When something happens next, and on which machine.
    #[must_use]
    pub fn upcoming(&self) -> Option<(Duration, usize)> {
        let (at, event) = self.events.next()?;
        Some((at, event.machine))
    }

    /// Does the next thing that is to happen until then; the machine on which it happened. None:
    /// nothing is left until then, and it is then.
    pub fn next_event(&mut self, until: Duration) -> Option<usize> {
        match self.events.next_at() {
            Some(at) if at <= until => self.step(),
            _ => {
                self.now = until;
                None
            }
        }
    }

    fn step(&mut self) -> Option<usize> {
        let (at, event) = self.events.pop()?;
        let index = event.machine;
        self.happen(at, event);
        Some(index)
    }

    fn happen(&mut self, at: Duration, event: Event) {
        self.note_progress(at);
        let machine = &self.machines[event.machine];
        // Tasks outlive the agent, but not the machine.
        let is_void = match event.what {
            What::Runtime(..) => machine.power_cuts != event.life,
            _ => machine.life != event.life || machine.peer.is_none(),
        };
        if is_void {
            return;
        }
        // Somebody has asked to be woken earlier since, and was: then this is nobody's wake any more.
        let is_wake = matches!(event.what, What::Wake);
        if is_wake && machine.next_wake != Some(at) {
            return;
        }
        if machine.frozen_until > self.now {
            let thaw = machine.frozen_until;
            if is_wake {
                self.machines[event.machine].next_wake = Some(thaw);
            }
            return self.events.push(thaw, event);
        }
        self.traffic.events += 1;
        self.mix(event.machine as u64);
        match event.what {
            What::Wake => {
                self.machines[event.machine].next_wake = None;
                self.input(event.machine, Input::Tick);
            }
            What::Arrive(input) => self.input(event.machine, input),
            What::Disk(ticket, batch) => self.persist(event.machine, ticket, *batch),
            What::Runtime(task, state) => self.task_changes(event.machine, task, state),
        }
    }

    fn persist(&mut self, index: usize, ticket: Ticket, batch: shoal_scheduler::peer::Batch) {
        let disk = &mut self.machines[index].disk;
        if disk.is_damaged {
            let generation = self.rng.random();
            disk.replace_store(generation);
            let result = Err("the store is damaged".to_owned());
            self.input(index, Input::Persisted { ticket, result });
            return self.input(index, Input::StoreReplaced { generation });
        }
        let result = disk.persist(batch);
        self.input(index, Input::Persisted { ticket, result });
    }

    /// A peer that is due again and again at the same moment would stop the world.
    fn note_progress(&mut self, at: Duration) {
        self.events_now = if at > self.now {
            0
        } else {
            self.events_now + 1
        };
        self.now = self.now.max(at);
        if self.events_now >= EVENTS_AT_ONCE_MAX {
            let peers = self
                .machines
                .iter()
                .filter_map(|machine| machine.peer.as_ref());
            let waits: Vec<_> = peers.map(|peer| peer.deadlines()).collect();
            panic!("time stands still at {:?}: {waits:#?}", self.now);
        }
    }

    fn mix(&mut self, value: u64) {
        let nanoseconds = u64::try_from(self.now.as_nanos()).unwrap_or(u64::MAX);
        let mixed = self.trace.rotate_left(5) ^ value ^ nanoseconds;
        self.trace = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// Hands an input to a machine's agent, if it runs.
    pub fn input(&mut self, index: usize, input: Input) {
        let now = self.machines[index].now(self.now);
        if let Some(peer) = &mut self.machines[index].peer {
            peer.handle(input, now);
            self.carry_out(index);
        }
    }

    fn schedule(&mut self, delay: Duration, machine: usize, what: What) {
        let life = match what {
            What::Runtime(..) => self.machines[machine].power_cuts,
            _ => self.machines[machine].life,
        };
        let event = Event {
            machine,
            life,
            what,
        };
        self.events.push(self.now + delay, event);
    }

    fn task_changes(&mut self, index: usize, id: TaskId, state: TaskState) {
        let Some(task) = self.machines[index].tasks.get_mut(&id) else {
            return;
        };
        task.is_running = state == TaskState::Running;
        let change = TaskChange {
            task: id,
            state,
            at: None,
            remark: String::new(),
            error: String::new(),
            pid: Some(1),
            exit_code: (state == TaskState::Complete).then_some(0),
            container: String::new(),
            ports: Vec::new(),
        };
        self.input(index, Input::Task(change));
    }

    /// A task ends by itself, with this exit status.
    pub fn end_task(&mut self, index: usize, id: TaskId, state: TaskState, error: &str) {
        if let Some(task) = self.machines[index].tasks.get_mut(&id) {
            task.is_running = false;
        }
        let change = TaskChange {
            task: id,
            state,
            at: None,
            remark: String::new(),
            error: error.into(),
            pid: None,
            exit_code: None,
            container: String::new(),
            ports: Vec::new(),
        };
        self.input(index, Input::Task(change));
    }
}
