//! A cluster in one thread: real `Membership`s, a virtual clock, and a network that can be made bad.
//!
//! Everything follows from one seed. It opens no socket and never looks at the real time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    hash::Hash,
    time::Duration,
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shoal_membership::{
    Addresses, Config, Member, Membership, NodeId, Now, Output, Profile, codec,
};
use xxhash_rust::xxh3::Xxh3Default;

/// How good the network is.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// The share of packets that get lost: 0 to 1.
    pub(crate) loss: f64,
    /// One way, in microseconds, evenly spread.
    pub(crate) latency_us: std::ops::Range<u64>,
}

#[derive(Clone, Debug)]
enum Happening {
    Packet {
        from: usize,
        to: usize,
        bytes: Vec<u8>,
    },
    Wake {
        node: usize,
    },
    Exchange {
        node: usize,
    },
}

/// What was reported when by whom: `Up` or `Down` of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) at: Duration,
    pub(crate) by: usize,
    pub(crate) about: usize,
    pub(crate) up: bool,
}

pub(crate) struct Node {
    pub(crate) membership: Membership,
    /// What reached the disk.
    pub(crate) persisted: u64,
    pub(crate) running: bool,
    pub(crate) paused: bool,
    pub(crate) waiting: Vec<(usize, Vec<u8>)>,
    wakes_at: Option<Duration>,
}

pub(crate) struct Cluster {
    pub(crate) now: Duration,
    pub(crate) nodes: Vec<Node>,
    pub(crate) link: Link,
    pub(crate) reports: Vec<Report>,
    pub(crate) renewals: usize,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// A hash over all outputs of all nodes, in order.
    pub(crate) history: Xxh3Default,
    profile: Profile,
    pub(crate) islands: BTreeMap<usize, u32>,
    /// From the first to the second nothing arrives.
    pub(crate) severed: BTreeSet<(usize, usize)>,
    /// Happenings stay where they are, and the heap holds their places.
    queue: BinaryHeap<Reverse<(Duration, u64, usize)>>,
    happenings: Vec<Option<Happening>>,
    free: Vec<usize>,
    sequence: u64,
    rng: ChaCha8Rng,
    exchange_every: Option<Duration>,
}

pub(crate) fn id(node: usize) -> NodeId {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&(node as u64).to_be_bytes());
    NodeId::from_bytes(bytes)
}

pub(crate) fn index(id: NodeId) -> usize {
    let mut first = [0; 8];
    first.copy_from_slice(&id.as_bytes()[..8]);
    u64::from_be_bytes(first) as usize
}

fn member(node: usize, incarnation: u64) -> Member {
    let [high, low] = (node as u16).to_be_bytes();
    let address = std::net::SocketAddr::from(([10, 0, high, low], 7900));
    Member {
        id: id(node),
        addresses: Addresses::from(address),
        incarnation,
    }
}

impl Cluster {
    /// Nodes that know nobody, each about to call upon node 0.
    pub(crate) fn new(size: usize, profile: Profile, seed: u64) -> Self {
        let mut cluster = Self {
            now: Duration::from_secs(1),
            nodes: Vec::new(),
            link: Link {
                loss: 0.0,
                latency_us: 1_000..5_000,
            },
            reports: Vec::new(),
            renewals: 0,
            packets: 0,
            bytes: 0,
            history: Xxh3Default::new(),
            profile,
            islands: BTreeMap::new(),
            severed: BTreeSet::new(),
            queue: BinaryHeap::new(),
            happenings: Vec::new(),
            free: Vec::new(),
            sequence: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            exchange_every: Some(Duration::from_secs(3)),
        };
        for node in 0..size {
            let made = cluster.fresh(node, 1, size);
            cluster.nodes.push(made);
            cluster.carry_out(node);
            cluster.schedule_exchange(node, 100);
        }
        cluster
    }

    /// A cluster that has come together.
    pub(crate) fn joined(size: usize, profile: Profile, seed: u64) -> Self {
        let mut cluster = Self::new(size, profile, seed);
        let agreed = cluster.run_until(Duration::from_secs(120), Self::all_agree);
        assert!(agreed.is_some(), "{size} nodes did not find each other");
        cluster.reports.clear();
        cluster.renewals = 0;
        (cluster.packets, cluster.bytes) = (0, 0);
        cluster
    }

    pub(crate) fn fresh(&mut self, node: usize, incarnation: u64, size: usize) -> Node {
        let config = Config::for_profile(self.profile, size);
        let seed = self.rng.random();
        let me = member(node, incarnation);
        Node {
            membership: Membership::new(config, me, seed, self.moment()),
            persisted: 0,
            running: true,
            paused: false,
            waiting: Vec::new(),
            wakes_at: None,
        }
    }

    pub(crate) fn moment(&self) -> Now {
        Now {
            monotonic: self.now,
            wall: self.now,
        }
    }

    fn push(&mut self, at: Duration, happening: Happening) {
        self.sequence += 1;
        let place = self.free.pop().unwrap_or(self.happenings.len());
        if place == self.happenings.len() {
            self.happenings.push(None);
        }
        self.happenings[place] = Some(happening);
        self.queue.push(Reverse((at, self.sequence, place)));
    }

    pub(crate) fn schedule_exchange(&mut self, node: usize, at_least_ms: u64) {
        if let Some(every) = self.exchange_every {
            let spread = self.rng.random_range(0..every.as_millis() as u64);
            let at = self.now + Duration::from_millis(at_least_ms + spread);
            self.push(at, Happening::Exchange { node });
        }
    }

    pub(crate) fn kill(&mut self, node: usize) {
        self.nodes[node].running = false;
        self.nodes[node].waiting.clear();
    }

    pub(crate) fn pause(&mut self, node: usize) {
        self.nodes[node].paused = true;
    }

    /// The node runs again: what has arrived comes first, then what is due.
    pub(crate) fn resume(&mut self, node: usize) {
        self.nodes[node].paused = false;
        for (from, bytes) in std::mem::take(&mut self.nodes[node].waiting) {
            self.arrive(from, node, &bytes);
        }
        self.wake(node);
        self.schedule_exchange(node, 0);
    }

    pub(crate) fn act(&mut self, node: usize, action: impl FnOnce(&mut Membership, Now)) {
        let now = self.moment();
        action(&mut self.nodes[node].membership, now);
        self.carry_out(node);
    }

    fn live(&self, node: usize) -> bool {
        self.nodes[node].running && !self.nodes[node].paused
    }

    fn connected(&self, one: usize, two: usize) -> bool {
        self.islands.get(&one) == self.islands.get(&two) && !self.severed.contains(&(one, two))
    }

    pub(crate) fn carry_out(&mut self, node: usize) {
        while let Some(output) = self.nodes[node].membership.poll() {
            self.record(node, &output);
            match output {
                Output::Send { to, packet, .. } => self.send(node, index(to), packet),
                Output::PersistIncarnation(number) => self.nodes[node].persisted = number,
                Output::Up(member) => self.report(node, index(member.id), true),
                Output::Down(id) => self.report(node, index(id), false),
                Output::Renewed(_) => self.renewals += 1,
                _ => {}
            }
        }
        let deadline = self.nodes[node].membership.next_deadline();
        let known = self.nodes[node].wakes_at;
        if let Some(at) = deadline.filter(|at| known.is_none_or(|known| *at < known)) {
            self.nodes[node].wakes_at = Some(at);
            self.push(at.max(self.now), Happening::Wake { node });
        }
    }

    fn record(&mut self, node: usize, output: &Output) {
        (self.now, node, output).hash(&mut self.history);
    }

    fn report(&mut self, by: usize, about: usize, up: bool) {
        let at = self.now;
        self.reports.push(Report { at, by, about, up });
    }

    fn send(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        assert!(bytes.len() <= shoal_membership::MAX_PACKET);
        self.packets += 1;
        self.bytes += bytes.len() as u64;
        let lost = self.rng.random::<f64>() < self.link.loss;
        let latency = self.rng.random_range(self.link.latency_us.clone());
        if to < self.nodes.len() && !lost && self.connected(from, to) {
            let at = self.now + Duration::from_micros(latency);
            self.push(at, Happening::Packet { from, to, bytes });
        }
    }

    fn arrive(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let now = self.moment();
        let taken = self.nodes[to]
            .membership
            .handle_packet(id(from), bytes, now);
        taken.unwrap_or_else(|error| panic!("{from} -> {to}: {error}"));
        self.carry_out(to);
    }

    fn wake(&mut self, node: usize) {
        self.nodes[node].wakes_at = None;
        self.act(node, Membership::advance);
    }

    /// Runs the next thing that happens, if it does before `end`.
    fn step(&mut self, end: Duration) -> bool {
        let next = self.queue.peek().map(|Reverse((at, ..))| *at);
        if next.is_none_or(|at| at > end) {
            self.now = end;
            return false;
        }
        let Some(Reverse((at, _, place))) = self.queue.pop() else {
            return false;
        };
        let Some(happening) = self.happenings[place].take() else {
            return false;
        };
        self.free.push(place);
        self.now = at;
        match happening {
            Happening::Packet { from, to, bytes } if self.live(to) => self.arrive(from, to, &bytes),
            Happening::Packet { from, to, bytes } if self.nodes[to].running => {
                self.nodes[to].waiting.push((from, bytes));
            }
            Happening::Wake { node } if self.live(node) => {
                let due = self.nodes[node].membership.next_deadline();
                if due.is_some_and(|due| due <= at) {
                    self.wake(node);
                }
            }
            Happening::Exchange { node } if self.live(node) => self.meet(node),
            _ => {}
        }
        true
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
    }

    /// Runs until it is so: how long that took. `None` if it didn't come in that time.
    pub(crate) fn run_until(
        &mut self,
        time: Duration,
        is_so: impl Fn(&mut Self) -> bool,
    ) -> Option<Duration> {
        let start = self.now;
        let slice = Duration::from_millis(20);
        while self.now < start + time {
            self.run(slice);
            if is_so(self) {
                return Some(self.now - start);
            }
        }
        None
    }

    /// What the driver does every few seconds: compare digests with somebody, and join if alone.
    fn meet(&mut self, node: usize) {
        self.schedule_exchange(node, 1_500);
        let known = &self.nodes[node].membership;
        let live: Vec<usize> = known
            .members()
            .filter(|(_, liveness)| liveness.is_active())
            .map(|(member, _)| index(member.id))
            .collect();
        let peer = match live.len() {
            0 => 0,
            count => live[self.rng.random_range(0..count)],
        };
        if peer == node {
            return;
        }
        if live.is_empty() {
            self.act(node, |membership, now| {
                membership.announce_to(member(0, 0), now)
            });
        }
        if self.live(peer) && self.connected(node, peer) {
            self.exchange(node, peer);
        }
    }

    fn exchange(&mut self, one: usize, two: usize) {
        if self.nodes[one].membership.digest() == self.nodes[two].membership.digest() {
            return;
        }
        let list = codec::encode(&self.nodes[one].membership.member_list());
        let list: Vec<_> = codec::decode(&list).unwrap_or_default();
        let answer = self.nodes[two].membership.differing(&list);
        self.act(two, |membership, now| {
            membership.apply_members(&list, now);
        });
        self.act(one, |membership, now| {
            membership.apply_members(&answer, now);
        });
    }

    pub(crate) fn running(&self) -> BTreeSet<usize> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(|(_, node)| node.running)
            .map(|(number, _)| number)
            .collect()
    }

    /// Whether every running node takes exactly the running ones for alive.
    pub(crate) fn all_agree(&mut self) -> bool {
        let running = self.running();
        running.iter().all(|node| {
            let membership = &self.nodes[*node].membership;
            (0..self.nodes.len())
                .all(|other| membership.is_alive(id(other)) == running.contains(&other))
        })
    }

    pub(crate) fn downs(&self) -> impl Iterator<Item = &Report> {
        self.reports.iter().filter(|report| !report.up)
    }
}
