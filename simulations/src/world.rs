//! The event loop: what was sent arrives, what was asked of a disk or a runtime is done, time moves
//! to the next event.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
    time::Duration,
};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use shoal_membership::{ClusterId, NodeId, Profile, PublicKey, SecretKey};
use shoal_scheduler::{
    order::{Order, OrderError, Receipt, WriteConcern},
    peer::{Effect, Input, JoinDenied, TaskChange, Ticket, Welcome},
    task::{TaskId, TaskState},
};

use crate::{Links, Machine, SimTask, machine::address_of};

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
    at: Duration,
    order: u64,
    machine: usize,
    life: u64,
    what: What,
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Event {}
impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Event {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
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
    now: Duration,
    events: BinaryHeap<Reverse<Event>>,
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
}

const NONCE: [u8; 16] = [7; 16];
/// Most events at one moment.
const EVENTS_AT_ONCE_MAX: u64 = 100_000;
const TOKEN: &str = "simulated";

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
            now: Duration::ZERO,
            events: BinaryHeap::new(),
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
        }
    }

    /// A cluster: the first machine founds it, the others join it, and all know one another.
    #[must_use]
    pub fn cluster(machines: usize, profile: Profile, seed: u64) -> Self {
        let mut world = Self::new(machines, profile, seed);
        world.boot(0);
        world.run_for(Duration::from_millis(100));
        world.make_token();
        for index in 1..machines {
            world.join(index, 0);
        }
        let everybody: Vec<usize> = (0..machines).collect();
        world.run_until(Duration::from_secs(60), |world| {
            world.all_see(&everybody, &everybody)
        });
        world
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
        while self.events.peek().is_some_and(|next| next.0.at <= until) {
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
            match self.events.peek() {
                Some(next) if next.0.at <= until => self.step(),
                _ => break,
            }
        }
        self.now = until;
        holds(self)
    }

    fn step(&mut self) {
        let Some(Reverse(mut event)) = self.events.pop() else {
            return;
        };
        self.note_progress(event.at);
        let machine = &self.machines[event.machine];
        // Tasks outlive the agent, but not the machine.
        let is_void = match event.what {
            What::Runtime(..) => machine.power_cuts != event.life,
            _ => machine.life != event.life || machine.peer.is_none(),
        };
        if is_void {
            return;
        }
        if machine.frozen_until > self.now {
            event.at = machine.frozen_until;
            self.events.push(Reverse(event));
            return;
        }
        self.mix(event.machine as u64);
        match event.what {
            What::Wake => {
                self.machines[event.machine].next_wake = None;
                self.input(event.machine, Input::Tick);
            }
            What::Arrive(input) => self.input(event.machine, input),
            What::Disk(ticket, batch) => {
                let result = self.machines[event.machine].disk.persist(*batch);
                self.input(event.machine, Input::Persisted { ticket, result });
            }
            What::Runtime(task, state) => self.task_changes(event.machine, task, state),
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
        let at = self.now + delay;
        self.next_order += 1;
        let life = match what {
            What::Runtime(..) => self.machines[machine].power_cuts,
            _ => self.machines[machine].life,
        };
        self.events.push(Reverse(Event {
            at,
            order: self.next_order,
            machine,
            life,
            what,
        }));
    }

    fn carry_out(&mut self, index: usize) {
        while let Some(effect) = self.machines[index]
            .peer
            .as_mut()
            .and_then(|peer| peer.poll())
        {
            self.effect(index, effect);
        }
        let deadline = self.machines[index]
            .peer
            .as_ref()
            .and_then(|peer| peer.next_deadline());
        let Some(deadline) = deadline else { return };
        let at = deadline.max(self.now);
        if self.machines[index].next_wake.is_none_or(|wake| at < wake) {
            self.machines[index].next_wake = Some(at);
            self.schedule(at - self.now, index, What::Wake);
        }
    }

    fn effect(&mut self, index: usize, effect: Effect) {
        let from = self.machines[index].id();
        match effect {
            Effect::Datagram { to, bytes } => {
                self.mix(bytes.len() as u64);
                let Some(&to) = self.indexes.get(&to) else {
                    return;
                };
                if let Some(delay) = self.links.datagram(index, to, &mut self.rng) {
                    self.schedule(delay, to, What::Arrive(Input::Datagram { from, bytes }));
                }
            }
            Effect::Rumour { to, bytes } => {
                let Some(&to) = self.indexes.get(&to) else {
                    return;
                };
                if let Some(delay) = self.links.stream(index, to, &mut self.rng) {
                    self.schedule(delay, to, What::Arrive(Input::Rumour { from, bytes }));
                }
            }
            Effect::Question { to, call, bytes } => self.question(index, to, call, bytes),
            Effect::Answer { ticket, bytes } => self.answer(index, ticket, bytes),
            Effect::Persist { ticket, batch } => {
                let delay = self.disk_delay;
                self.schedule(delay, index, What::Disk(ticket, Box::new(batch)));
            }
            Effect::Plan { ticket, input } => {
                let plan = Arc::new(self.machines[index].planner.plan(*input));
                let planned = Input::Planned { ticket, plan };
                self.schedule(Duration::from_millis(1), index, What::Arrive(planned));
            }
            Effect::Start(start) => {
                let id = start.report.id;
                let task = SimTask {
                    report: start.report,
                    spec: start.spec,
                    is_running: false,
                };
                self.machines[index].tasks.insert(id, task);
                let delay = self.start_delay;
                self.schedule(delay, index, What::Runtime(id, TaskState::Running));
            }
            Effect::Stop(id) => {
                let delay = Duration::from_millis(10);
                self.schedule(delay, index, What::Runtime(id, TaskState::Complete));
            }
            Effect::Remove(id) => {
                self.machines[index].tasks.remove(&id);
            }
            Effect::Addresses { node, addresses } => {
                self.machines[index].disk.locate(node, addresses);
            }
            Effect::Ordered { ticket, result } => {
                self.outcomes
                    .insert((index, ticket), Outcome::Ordered(result));
            }
            Effect::Joined { ticket, result } => {
                self.outcomes
                    .insert((index, ticket), Outcome::Joined(result));
            }
            Effect::Removed => self.removed.push(index),
            Effect::Stopped => {
                self.stopped.push(index);
                self.kill_agent(index);
            }
            Effect::Trust { .. } | Effect::Redial(_) => {}
        }
    }

    fn question(&mut self, index: usize, to: NodeId, call: Ticket, bytes: Vec<u8>) {
        let (from, life) = (self.machines[index].id(), self.machines[index].life);
        let target = self.indexes.get(&to).copied();
        let way = target.and_then(|to| Some((to, self.links.stream(index, to, &mut self.rng)?)));
        let Some((to, delay)) = way.filter(|(to, _)| self.machines[*to].peer.is_some()) else {
            return;
        };
        self.next_order += 1;
        let ticket = Ticket(self.next_order);
        self.questions.insert((to, ticket), (index, life, call));
        self.schedule(
            delay,
            to,
            What::Arrive(Input::Question {
                from,
                ticket,
                bytes,
            }),
        );
    }

    fn answer(&mut self, index: usize, ticket: Ticket, bytes: Vec<u8>) {
        let Some((asker, life, call)) = self.questions.remove(&(index, ticket)) else {
            return;
        };
        if self.machines[asker].life != life {
            return;
        }
        if let Some(delay) = self.links.stream(index, asker, &mut self.rng) {
            let answer = Input::Answer {
                call,
                bytes: Some(bytes),
            };
            self.schedule(delay, asker, What::Arrive(answer));
        }
    }

    fn task_changes(&mut self, index: usize, id: TaskId, state: TaskState) {
        let Some(task) = self.machines[index].tasks.get_mut(&id) else {
            return;
        };
        task.is_running = state == TaskState::Running;
        let change = TaskChange {
            task: id,
            state,
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
            error: error.into(),
            pid: None,
            exit_code: None,
            container: String::new(),
            ports: Vec::new(),
        };
        self.input(index, Input::Task(change));
    }

    /// Gives an order to a machine; how it ends is found by [`Self::outcome`].
    pub fn order(&mut self, index: usize, order: Order) -> Ticket {
        self.order_with(index, order, WriteConcern::One)
    }

    /// The same, with a write concern.
    pub fn order_with(&mut self, index: usize, order: Order, concern: WriteConcern) -> Ticket {
        self.next_order += 1;
        let ticket = Ticket(1 << 40 | self.next_order);
        self.input(
            index,
            Input::Order {
                ticket,
                order,
                concern,
            },
        );
        ticket
    }

    /// How an order ended. Waits for it up to 30 s.
    pub fn outcome(&mut self, index: usize, ticket: Ticket) -> Option<Outcome> {
        let limit = Duration::from_secs(30);
        self.run_until(limit, |world| world.outcomes.contains_key(&(index, ticket)));
        self.outcomes.remove(&(index, ticket))
    }

    fn make_token(&mut self) {
        let ticket = Ticket(1 << 41);
        let token = Input::Token {
            ticket,
            id: TOKEN.into(),
            key: PublicKey::from_bytes([1; 32]),
            ttl: None,
            uses: None,
            concern: WriteConcern::Local,
        };
        self.input(0, token);
        self.outcome(0, ticket);
    }

    /// A machine joins by way of another, and starts.
    pub fn join(&mut self, index: usize, by_way_of: usize) -> Option<JoinDenied> {
        self.next_order += 1;
        let ticket = Ticket(1 << 42 | self.next_order);
        let key = self.machines[index].secret.public();
        self.input(
            by_way_of,
            Input::Join {
                ticket,
                key,
                token: TOKEN.into(),
            },
        );
        match self.outcome(by_way_of, ticket) {
            Some(Outcome::Joined(Ok(welcome))) => {
                let host = self.machines[by_way_of].id();
                let disk = &mut self.machines[index].disk;
                disk.welcome(welcome.writes, welcome.members);
                disk.locate(host, address_of(by_way_of));
                self.boot(index);
                None
            }
            Some(Outcome::Joined(Err(denied))) => Some(denied),
            _ => Some(JoinDenied::Busy),
        }
    }

    /// Whether each of these sees each of those as alive.
    #[must_use]
    pub fn all_see(&self, watchers: &[usize], watched: &[usize]) -> bool {
        watchers.iter().all(|watcher| {
            let Some(peer) = &self.machines[*watcher].peer else {
                return false;
            };
            watched
                .iter()
                .all(|one| one == watcher || peer.sees_alive(&self.machines[*one].id()))
        })
    }

    /// Machines whose agent runs.
    #[must_use]
    pub fn running(&self) -> Vec<usize> {
        (0..self.machines.len())
            .filter(|index| self.machines[*index].peer.is_some())
            .collect()
    }

    /// Whether all agents that run hold the same registry.
    #[must_use]
    pub fn registries_agree(&self) -> bool {
        let roots = self
            .machines
            .iter()
            .filter_map(|machine| machine.peer.as_ref());
        let mut roots = roots.map(|peer| peer.registry().digests().root());
        let first = roots.next();
        roots.all(|root| Some(root) == first)
    }

    /// Where the tasks of a service run now: (machine, task), by slot.
    #[must_use]
    pub fn running_tasks(&self, service: &str) -> Vec<(usize, TaskId)> {
        let mut tasks: Vec<_> = self
            .machines
            .iter()
            .enumerate()
            .flat_map(|(index, machine)| machine.tasks.values().map(move |task| (index, task)))
            .filter(|(_, task)| task.is_running && task.report.service_name == service)
            .map(|(index, task)| (task.report.slot, index, task.report.id))
            .collect();
        tasks.sort();
        tasks
            .into_iter()
            .map(|(_, index, id)| (index, id))
            .collect()
    }

    /// Whether every slot of a service runs exactly once.
    #[must_use]
    pub fn runs_exactly(&self, service: &str, replicas: usize) -> bool {
        let slots: Vec<_> = self
            .machines
            .iter()
            .flat_map(|machine| machine.tasks.values())
            .filter(|task| task.is_running && task.report.service_name == service)
            .map(|task| task.report.slot)
            .collect();
        let distinct: std::collections::BTreeSet<_> = slots.iter().collect();
        slots.len() == replicas && distinct.len() == replicas
    }
}
