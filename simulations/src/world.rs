//! The event loop: what was sent arrives, what was asked of a disk or a runtime is done, time moves
//! to the next event.

mod effects;
mod joining;
mod observing;
mod orders;
mod plans;
mod power;
mod prepared;
mod tasks;
mod traffic;
mod turns;

use std::{collections::BTreeMap, time::Duration};

use rand::RngExt;
use shoal_membership::{ClusterId, NodeId, Profile, SecretKey};
use shoal_scheduler::{
    order::{OrderError, Receipt},
    peer::{Input, JoinDenied, Ticket, Welcome},
};

pub use self::traffic::Traffic;
use crate::{
    Links, Machine, Protocol, Runtime,
    dials::Dials,
    event::{Event, What},
    moment,
    queue::Queue,
    reach::Reach,
};

/// How an order or a join ended.
#[derive(Debug)]
pub enum Outcome {
    /// An order.
    Ordered(Result<Receipt, OrderError>),
    /// A join.
    Joined(Result<Welcome, JoinDenied>),
}

/// An agent changed its mind about a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: Duration,
    /// On which machine.
    pub by: usize,
    /// About the agent of which.
    pub about: usize,
    /// Whether it is taken for alive now.
    pub is_alive: bool,
}

/// Machines, the network between them, and the time.
#[derive(Debug)]
pub struct World {
    /// The machines.
    pub machines: Vec<Machine>,
    /// The network.
    pub links: Links,
    /// What the runtimes of all machines do.
    pub runtime: Runtime,
    /// Parameters of the protocols.
    pub protocol: Protocol,
    /// Whether agents that start anew have to open connections first. No: a packet finds one at once,
    /// which is quicker than anything real, and no fault that a search would miss.
    pub dials: bool,
    /// Whether [`Self::notices`] are taken down.
    pub takes_notes: bool,
    /// Who came to see whom as alive or not, since somebody last took them out.
    pub notices: Vec<Notice>,
    /// Running hash of everything that happened: equal for equal runs.
    pub trace: u64,
    /// What went over the network so far.
    pub traffic: Traffic,
    now: Duration,
    events: Queue<Event>,
    events_now: u64,
    next_order: u64,
    seed: u64,
    profile: Profile,
    cluster: ClusterId,
    indexes: BTreeMap<NodeId, usize>,
    /// Questions under way: the name at the one asked, to who asked and its name there.
    questions: BTreeMap<(usize, Ticket), (usize, u64, Ticket)>,
    outcomes: BTreeMap<(usize, Ticket), Outcome>,
    /// Joins under way: the name at the one asked, to the machine that wants to join.
    joining: BTreeMap<(usize, Ticket), usize>,
    /// When a machine that another does not know may be told so again.
    strangers: BTreeMap<(usize, usize), Duration>,
    reach: Reach,
    connections: Dials,
    removed: Vec<usize>,
    stopped: Vec<usize>,
    plans: plans::Plans,
    /// Whether all machines' plans are made by one planner, each once. Quicker; but then no machine's
    /// planner has a past of its own, which might show.
    shares_plans: bool,
}

const NONCE: [u8; 16] = [7; 16];
/// Most events at one moment.
const EVENTS_AT_ONCE_MAX: u64 = 100_000;

impl World {
    /// A world of machines that are off.
    #[must_use]
    pub fn new(machines: usize, profile: Profile, seed: u64) -> Self {
        let machines: Vec<Machine> = (0..machines)
            .map(|index| Machine::new(index, seed))
            .collect();
        let founder = machines.first().map(|machine| machine.secret.public());
        let founder = founder.unwrap_or_else(|| SecretKey::from_seed(&[0; 32]).public());
        Self {
            indexes: machines
                .iter()
                .enumerate()
                .map(|(index, one)| (one.id(), index))
                .collect(),
            links: Links::new(machines.len(), seed),
            machines,
            runtime: Runtime::default(),
            protocol: Protocol::of(profile),
            dials: false,
            takes_notes: false,
            notices: Vec::new(),
            trace: 0,
            traffic: Traffic::default(),
            now: Duration::ZERO,
            events: Queue::default(),
            events_now: 0,
            next_order: 0,
            seed,
            profile,
            cluster: ClusterId::founded_by(&founder, &NONCE),
            questions: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            joining: BTreeMap::new(),
            strangers: BTreeMap::new(),
            reach: Reach::default(),
            connections: Dials::default(),
            removed: Vec::new(),
            stopped: Vec::new(),
            plans: plans::Plans::default(),
            shares_plans: false,
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
        self.found_with(self.machines.len());
    }

    /// Makes a cluster of the first so many machines; the others stay outside.
    pub fn found_with(&mut self, members: usize) {
        self.boot(0);
        self.run_for(Duration::from_millis(100));
        self.make_token();
        for index in 1..members {
            self.join(index, 0);
        }
        let everybody: Vec<usize> = (0..members).collect();
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
        moment::is(at, index);
        self.happen(at, event);
        Some(index)
    }

    fn happen(&mut self, at: Duration, event: Event) {
        self.note_progress(at);
        if matches!(event.what, What::Turn) {
            return self.take_turn(event.machine);
        }
        // Somebody has asked to be woken earlier since, and was: then this is nobody's wake any more.
        let machine = &self.machines[event.machine];
        let is_late_wake = matches!(event.what, What::Wake) && machine.next_wake != Some(at);
        if is_late_wake || self.is_void(&event) {
            return;
        }
        match machine.is_free(self.now) {
            true => self.take(event),
            false => self.wait(event),
        }
    }

    fn take(&mut self, event: Event) {
        let machine = &mut self.machines[event.machine];
        machine.busy_until = self.now + machine.work;
        self.traffic.events += 1;
        self.mix(event.machine as u64);
        match event.what {
            What::Wake => {
                self.machines[event.machine].next_wake = None;
                self.input(event.machine, Input::Tick);
            }
            What::Arrive(input) => self.input(event.machine, input),
            What::Disk => self.persist(event.machine),
            What::Runtime(task, state) => self.task_changes(event.machine, task, state),
            What::Welcome(welcome) => self.admitted(event.machine, *welcome),
            What::Refused => self.remove(event.machine),
            What::Unknown(by) => {
                let by = self.machines[by].id();
                self.input(event.machine, Input::Unknown { by });
            }
            What::Turn => {}
        }
    }

    fn is_void(&self, event: &Event) -> bool {
        let machine = &self.machines[event.machine];
        match event.what {
            // Tasks outlive the agent, but not the machine.
            What::Runtime(..) => machine.power_cuts != event.life,
            What::Welcome(_) => machine.life != event.life || machine.peer.is_some(),
            _ => machine.life != event.life || machine.peer.is_none(),
        }
    }

    fn persist(&mut self, index: usize) {
        let machine = &mut self.machines[index];
        let Some((ticket, result)) = machine.disk.finish() else {
            return;
        };
        let generation = machine.disk.is_damaged.then(|| machine.rng.random());
        if let Some(generation) = generation {
            machine.disk.replace_store(generation);
        }
        self.input(index, Input::Persisted { ticket, result });
        if let Some(generation) = generation {
            self.input(index, Input::StoreReplaced { generation });
        }
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
}
