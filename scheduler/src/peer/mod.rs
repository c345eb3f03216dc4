//! A whole node minus its I/O.
//!
//! [`Peer`] takes inputs, each with the time, and gives back effects. The agent and the simulator
//! are two drivers of this one type: the same seed and the same inputs give the same effects, byte
//! for byte. A driver hands over arrived packets before it lets due time pass, carries out effects
//! in their order, and calls with [`Input::Tick`] at [`Peer::next_deadline`].
//!
//! Each file is one concern, as an `impl Peer` with the state that it alone changes; after every
//! input they are tended in the order of [`Peer::handle`].

mod answering;
mod apart;
mod calls;
mod catalog;
mod concern;
mod config;
mod disk;
mod effect;
mod evicting;
mod files;
mod image;
mod input;
mod intake;
mod joining;
mod living;
mod orders;
mod placing;
mod presence;
mod publishing;
mod purging;
mod queues;
mod reading;
mod reports;
mod rumours;
mod running;
mod sealing;
mod service;
mod stopping;
mod swim;
mod sync;
mod updating;
mod viewing;
mod vouching;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

pub use config::{Adopted, Config, Memory, Timing};
pub use effect::{Batch, Effect, JoinDenied, TaskStart, Welcome};
pub use image::Image;
use imbl::OrdMap;
pub use input::{Input, TaskChange, Ticket};
pub use queues::Queue;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
pub use rumours::fanout;
use shoal_membership::{Member, Membership, NodeId, Now};

use crate::{
    observed::{Observed, PortTrouble},
    registry::{Admission, Key, Registry, kind},
    spec::NodeSpec,
    view::NodeFacts,
};

/// A node.
pub struct Peer {
    config: Config,
    now: Now,
    started_at: Duration,
    boot_ends: Duration,
    rng: ChaCha8Rng,
    next_ticket: u64,
    incarnation_reserved: u64,
    membership: Membership,
    registry: Registry,
    observed: Observed,
    ports: Vec<PortTrouble>,
    catalog: catalog::Catalog,
    presence: presence::Presence,
    living: living::Living,
    apart: apart::Apart,
    presence_due: Option<Duration>,
    reports: OrdMap<NodeId, reports::Reports>,
    placing: placing::Placing,
    running: running::Running,
    updating: updating::Updating,
    sealing: sealing::Sealing,
    publisher: publishing::Publisher,
    rumours: rumours::Rumours,
    sync: sync::Sync,
    calls: calls::Calls,
    unanswered: Vec<calls::Call>,
    orders: orders::Orders,
    disk: disk::Disk,
    waiting_writes: concern::Waiting,
    purging: purging::Purging,
    evicting: evicting::Evicting,
    /// Since when this node knows each token (monotonic).
    tokens_seen: BTreeMap<String, Duration>,
    stopping: Option<stopping::Stopping>,
    was_removed: bool,
    effects: VecDeque<Effect>,
    view_is_stale: bool,
}

impl Peer {
    /// A node that starts, with what it remembers.
    #[must_use]
    pub fn new(config: Config, memory: Memory, now: Now) -> Self {
        let mut peer = Self::blank(config, &memory, None, now);
        peer.remember(memory);
        peer.introduce();
        peer.settle();
        peer
    }

    /// A node that has not looked at its entries and tasks yet.
    fn blank(config: Config, memory: &Memory, image: Option<&Image>, now: Now) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let me = Member {
            id: config.secret.node_id(),
            addresses: config.addresses.clone(),
            incarnation: memory.incarnation.saturating_add(1),
        };
        let known = image.map_or(memory.members.len(), |image| image.members.len());
        let as_profiled = || shoal_membership::Config::for_profile(config.profile, known);
        let swim = config.swim.clone().unwrap_or_else(as_profiled);
        let seed = rng.random();
        let membership = match image {
            Some(image) => Membership::awake(swim, me, seed, now, &image.members),
            None => Membership::new(swim, me, seed, now),
        };
        let (generation, counter) = memory.author;
        let registry = Registry::new(config.cluster, config.secret.clone(), generation, counter);
        Self {
            now,
            started_at: now.wall,
            boot_ends: now.monotonic.saturating_add(config.timing.boot_grace),
            rng,
            next_ticket: 0,
            incarnation_reserved: 0,
            membership,
            registry,
            observed: Observed::default(),
            ports: Vec::new(),
            catalog: catalog::Catalog::default(),
            presence: presence::Presence::new(&config.timing, now.monotonic),
            living: living::Living::default(),
            apart: apart::Apart::default(),
            presence_due: None,
            reports: OrdMap::new(),
            placing: placing::Placing::new(),
            running: running::Running::new(config.timing.hold_down),
            updating: updating::Updating::default(),
            sealing: sealing::Sealing::default(),
            publisher: publishing::Publisher::all(),
            rumours: rumours::Rumours::default(),
            sync: sync::Sync::new(now.monotonic),
            calls: BTreeMap::new(),
            unanswered: Vec::new(),
            orders: orders::Orders::default(),
            disk: disk::Disk::default(),
            waiting_writes: BTreeMap::new(),
            purging: purging::Purging::default(),
            evicting: evicting::Evicting::new(memory.silences.clone(), now.monotonic),
            tokens_seen: BTreeMap::new(),
            stopping: None,
            was_removed: false,
            effects: VecDeque::new(),
            view_is_stale: true,
            config,
        }
    }

    fn remember(&mut self, memory: Memory) {
        let read = self.registry.receive(memory.writes);
        if read.rejected > 0 {
            tracing::warn!(
                number = read.rejected,
                "writes on this node's disk can't be read"
            );
        }
        self.registry_changed(&read.changed);
        self.trust_changed();
        for (node, addresses) in memory.members {
            self.presence.locate(node, addresses);
        }
        let mut tasks = memory.tasks;
        tasks.sort_by_key(|task| (task.report.state_at, task.report.id));
        for task in tasks {
            self.adopt(task.report, task.spec);
        }
        // What was on the disk is no news.
        self.rumours = rumours::Rumours::default();
    }

    /// Says what this node is, where the registry does not say so yet.
    fn introduce(&mut self) {
        let name = self.me().to_string();
        let admission = Admission {
            key: self.config.secret.public(),
            founder_nonce: self.config.founder_nonce,
        };
        let own_admission = Key::system(kind::MEMBER, name.clone());
        if admission.founder_nonce.is_some() && self.registry.read(&own_admission).is_none() {
            self.find(own_admission, orders::json(&admission));
        }
        self.tell_facts();
        let spec_key = Key::of(kind::NODE, name);
        if !self.config.labels.is_empty() && self.registry.entry(&spec_key).is_none() {
            let labels = self.config.labels.clone();
            let spec = NodeSpec {
                role: "manager".into(),
                labels,
                ..NodeSpec::default()
            };
            self.find(spec_key, orders::json(&spec));
        }
    }

    fn tell_facts(&mut self) {
        let facts = orders::json(&self.config.facts);
        self.find(Key::system(kind::FACTS, self.me().to_string()), facts);
    }

    fn facts_changed(&mut self, facts: NodeFacts) {
        if self.config.facts != facts {
            self.config.facts = facts;
            self.tell_facts();
        }
    }

    /// This node.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.registry.author().node
    }

    fn new_ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// Something happened. Time never goes back; if it does, it stands still here.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.now = Now {
            monotonic: self.now.monotonic.max(now.monotonic),
            wall: now.wall,
        };
        self.take(input);
        self.settle();
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Tick => {}
            Input::Datagram { from, bytes } => self.datagram(from, &bytes),
            Input::Rumour { from, bytes } => self.rumour(from, &bytes),
            Input::Question {
                from,
                ticket,
                bytes,
            } => self.question(from, ticket, &bytes),
            Input::Answer { call, bytes } => self.answered(call, bytes.as_deref()),
            Input::Persisted { ticket, result } => self.persisted(ticket, result),
            Input::StoreReplaced { generation } => self.store_replaced(generation),
            Input::Adopt(found) => self.adopt_late(*found),
            Input::Facts(facts) => self.facts_changed(*facts),
            Input::Ports(ports) => self.ports_changed(ports),
            Input::Order {
                ticket,
                order,
                concern,
            } => {
                self.propose(orders::Proposal::Order {
                    ticket,
                    order,
                    concern,
                });
            }
            Input::Token {
                ticket,
                id,
                key,
                ttl,
                uses,
                is_standing,
                concern,
            } => {
                let token = orders::TokenProposal {
                    ticket,
                    id,
                    key,
                    ttl,
                    uses,
                    is_standing,
                    concern,
                };
                self.propose(orders::Proposal::Token(token));
            }
            Input::Join { ticket, key, token } => {
                self.propose(orders::Proposal::Join { ticket, key, token });
            }
            Input::Unknown { by } => self.vouch(by),
            Input::Vouched { key, writes } => self.vouched(&key, writes),
            Input::Planned { ticket, plan } => self.planned(ticket, plan),
            Input::Sealed { secret, keys } => self.sealed(secret, keys),
            Input::Task(change) => self.task_changed(change),
            Input::Addresses(addresses) => {
                if let Err(error) = self.membership.change_addresses(addresses, self.now) {
                    tracing::warn!(%error, "addresses that can't be used");
                }
            }
            Input::OutOfReach(nodes) => self.out_of_reach(&nodes),
            Input::Leave => self.leave(),
            Input::Pause => self.pause(),
        }
    }

    /// Brings everything in line with what has changed. Each part does nothing unless it is due.
    fn settle(&mut self) {
        if self.presence_due.is_some_and(|at| at <= self.now.monotonic) {
            self.presence_changed();
        }
        self.tend_membership();
        self.tend_apart();
        self.tend_calls();
        self.tend_concerns();
        self.tend_orders();
        self.note_settling();
        self.tend_placing();
        self.tend_sealing();
        self.tend_stopping();
        self.tend_running();
        self.tend_publishing();
        self.flush_rumours();
        self.tend_sync();
        self.tend_purging();
        self.tend_evicting();
        self.tend_orders();
        self.pump_disk();
        // What the later parts asked of membership goes out now, not at the next input.
        self.tend_membership();
        self.presence_due = self.presence_deadline();
    }

    /// The next thing to do, if any.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Peer({})", self.me())
    }
}
