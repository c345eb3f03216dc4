//! A large cluster that has been running for long, without its N² beginnings.
//!
//! One node reads and verifies what all members have written, hears what all say of themselves, and
//! makes a plan; the others start from what it knows then ([`Image`]),
//! each as itself. From then on nothing is special: each is the shipped peer with a state of its own.

use std::time::Duration;

use shoal_membership::{Addresses, Member, MemberRecord, NodeId, Profile, PublicKey, codec};
use shoal_scheduler::{
    gossip::{Question, Rumour, seal_message},
    observed::{Phase, Record, Refusal, Status, Topic},
    payload::TokenRecord,
    peer::{Config, Effect, Image, Input, Memory, Peer, Ticket},
    registry::{Admission, Key, Registry, SignedBytes, kind},
    task::TaskReport,
};

use super::{NONCE, World, joining::TOKEN};
use crate::{
    disk::Entries,
    machine::{Birth, facts_of},
};

/// Store generation of all machines.
const GENERATION: u64 = 1;
/// Incarnation of all machines.
const INCARNATION: u64 = 1;
/// The machines start within this time, so that they don't do everything at the same moment. No
/// longer than the shortest period of a node, or what is due during it would be late.
const START: Duration = Duration::from_millis(200);
/// Records in one rumour, so that it stays within its limits.
const RECORDS_AT_ONCE: usize = 10_000;

impl World {
    /// A cluster of that many machines that know all of one another, with nothing to run.
    #[must_use]
    pub fn prepared(machines: usize, profile: Profile, seed: u64) -> Self {
        let mut world = Self::new(machines, profile, seed);
        world.prepare(machines);
        world
    }

    /// Makes a cluster of the first so many machines, which are off, as if it had been running for
    /// long. The others stay outside.
    pub fn prepare(&mut self, count: usize) {
        let world = self;
        world.shares_plans = true;
        let (writes, counters) = world.first_writes(count);
        let image = world.first_image(&writes, count);
        let entries = entries_of(writes);
        let members: imbl::OrdMap<_, _> = world
            .members(count)
            .map(|(index, machine)| (machine.id(), Addresses::from(machine.address(index))))
            .collect();
        for (index, counter) in counters.into_iter().enumerate() {
            let memory = Memory {
                author: (GENERATION, counter),
                incarnation: INCARNATION - 1,
                ..Memory::default()
            };
            let config = world.config_of(index);
            let now = world.machines[index].now(world.now);
            let machine = &mut world.machines[index];
            machine.life += 1;
            machine.is_member = true;
            machine
                .disk
                .prepare(memory.author, entries.clone(), members.clone());
            machine.peer = Some(Peer::awake(config, &memory, &image, now));
            world.carry_out(index);
            world.now += START / u32::try_from(count).unwrap_or(u32::MAX).max(1);
        }
    }

    fn members(&self, count: usize) -> impl Iterator<Item = (usize, &crate::Machine)> {
        self.machines.iter().enumerate().take(count)
    }

    fn config_of(&self, index: usize) -> Config {
        let birth = Birth {
            cluster: self.cluster,
            founder_nonce: (index == 0).then_some(NONCE),
            profile: self.profile,
            protocol: &self.protocol,
            seed: self.seed,
        };
        self.machines[index].config(index, &birth, 1)
    }

    /// The entries of a cluster that was founded and joined, and how many each machine wrote.
    fn first_writes(&self, count: usize) -> (Vec<SignedBytes>, Vec<u64>) {
        let (mut writes, mut counters) = (Vec::new(), Vec::new());
        for (index, machine) in self.members(count) {
            let secret = machine.secret.clone();
            let mut author = Registry::new(self.cluster, secret, GENERATION, 0);
            let wall = machine.now(Duration::ZERO).wall;
            let mut write = |key, payload: Vec<u8>| {
                writes.push(author.prepare(key, Some(payload), wall).to_bytes());
            };
            if index == 0 {
                self.admit_all(&mut write, count);
            }
            let facts = serde_json::to_vec(&facts_of(index)).unwrap_or_default();
            write(Key::system(kind::FACTS, machine.id().to_string()), facts);
            counters.push(author.counter());
        }
        (writes, counters)
    }

    /// What the founder wrote.
    fn admit_all(&self, write: &mut impl FnMut(Key, Vec<u8>), count: usize) {
        for (index, machine) in self.members(count) {
            let admission = Admission {
                key: machine.secret.public(),
                founder_nonce: (index == 0).then_some(NONCE),
            };
            let payload = serde_json::to_vec(&admission).unwrap_or_default();
            write(Key::system(kind::MEMBER, machine.id().to_string()), payload);
        }
        let token = TokenRecord {
            is_standing: false,
            key: PublicKey::from_bytes([1; 32]),
            created_at: 0,
            ttl: None,
            uses: None,
        };
        let payload = serde_json::to_vec(&token).unwrap_or_default();
        write(Key::of(kind::TOKEN, TOKEN), payload);
    }

    /// What the first machine knows when it has read and heard all of it.
    fn first_image(&mut self, writes: &[SignedBytes], count: usize) -> Image {
        let memory = Memory {
            author: (GENERATION, u64::MAX >> 1),
            incarnation: INCARNATION - 1,
            writes: writes.to_vec(),
            ..Memory::default()
        };
        let now = self.machines[0].now(self.now);
        let mut peer = Peer::new(self.config_of(0), memory, now);
        let last = self.members(count).last();
        let from = last.map_or(peer.me(), |(_, machine)| machine.id());
        let records = self.first_records(now.wall, count);
        for records in records.chunks(RECORDS_AT_ONCE) {
            let rumour = Rumour {
                writes: Vec::new(),
                records: records.to_vec(),
            };
            let bytes = seal_message(&rumour);
            peer.handle(Input::Rumour { from, bytes }, now);
        }
        let question = Question::Trade {
            writes: Vec::new(),
            records: Vec::new(),
            members: codec::encode(&self.first_members(count)),
            want_writes: Vec::new(),
            want_records: Vec::new(),
        };
        let (bytes, ticket) = (seal_message(&question), Ticket(0));
        peer.handle(
            Input::Question {
                from,
                ticket,
                bytes,
            },
            now,
        );
        // It plans for those who are here; what else it wants done is of no more use.
        while let Some(effect) = peer.poll() {
            if let Effect::Plan { ticket, input } = effect {
                let plan = self.plans.plan(*input);
                peer.handle(Input::Planned { ticket, plan }, now);
            }
        }
        peer.image()
    }

    /// What all say of themselves.
    fn first_records(&self, started_at: Duration, count: usize) -> Vec<Record> {
        let phase = Phase::Here;
        let bodies = [
            (Topic::STATUS, codec::encode(&Status { phase, started_at })),
            (Topic::TASKS, codec::encode(&Vec::<TaskReport>::new())),
            (Topic::REFUSALS, codec::encode(&Vec::<Refusal>::new())),
        ];
        let of_node = |node: NodeId| {
            (1..)
                .zip(bodies.clone())
                .map(move |(sequence, (topic, body))| Record {
                    node,
                    topic,
                    incarnation: INCARNATION,
                    sequence,
                    body,
                })
        };
        self.members(count)
            .flat_map(|(_, machine)| of_node(machine.id()))
            .collect()
    }

    fn first_members(&self, count: usize) -> Vec<MemberRecord> {
        let record = |(index, machine): (usize, &crate::Machine)| MemberRecord {
            member: Member {
                id: machine.id(),
                addresses: Addresses::from(machine.address(index)),
                incarnation: INCARNATION,
            },
            refutations: 0,
            down: false,
        };
        self.members(count).map(record).collect()
    }
}

fn entries_of(writes: Vec<SignedBytes>) -> Entries {
    let keyed = writes.into_iter().filter_map(|bytes| {
        let key = bytes.clone().open().ok()?.write.key;
        Some((key, vec![bytes]))
    });
    keyed.collect()
}
