//! The network between machines.
//!
//! Each link has a random stream of its own for each direction, derived from the seed and its two
//! ends: what one link does, or when a machine speaks, changes nothing for the others.

mod link;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand::{RngExt, SeedableRng};
use rand_xoshiro::SplitMix64;

use self::wire::Owed;
pub use self::{
    link::{Bursts, Latency, Link, Loss},
    wire::Wire,
};
use crate::streams;

/// A lost part of a stream is sent again after this long.
const RETRANSMISSION: Duration = Duration::from_millis(50);
/// A stream needs at most so many tries.
const TRIES_MAX: u32 = 40;

/// All links.
#[derive(Debug)]
pub struct Links {
    /// How links are, but for those that are set apart.
    pub link: Link,
    /// What has gone over them so far.
    pub wire: Wire,
    seed: u64,
    /// Links that differ, by (from, to).
    special: BTreeMap<(usize, usize), Link>,
    /// Pairs (from, to) that hear nothing of one another, each way by itself.
    cut: BTreeSet<(usize, usize)>,
    /// By sender and receiver, for those that were used.
    states: Vec<BTreeMap<usize, State>>,
    /// What the first of a pair owes the second, if it ever received anything of it.
    owed: Vec<BTreeMap<usize, Owed>>,
}

/// How one direction of one link stands.
#[derive(Debug)]
struct State {
    rng: SplitMix64,
    is_bad: bool,
    /// Until when what was sent before keeps the link busy.
    busy_until: Duration,
}

/// When a datagram arrives: not at all, once or twice.
pub type Arrivals = [Option<Duration>; 2];

impl Links {
    /// Links between so many machines, all alike.
    #[must_use]
    pub fn new(machines: usize, seed: u64) -> Self {
        Self {
            link: Link::default(),
            wire: Wire::default(),
            seed,
            special: BTreeMap::new(),
            cut: BTreeSet::new(),
            states: (0..machines).map(|_| BTreeMap::new()).collect(),
            owed: (0..machines).map(|_| BTreeMap::new()).collect(),
        }
    }

    /// Sets one direction of one link apart from the others.
    pub fn set(&mut self, from: usize, to: usize, link: Link) {
        self.special.insert((from, to), link);
    }

    /// Sets all links of a machine apart from the others, both ways.
    pub fn set_all_of(&mut self, machine: usize, link: &Link) {
        for other in (0..self.states.len()).filter(|other| *other != machine) {
            self.set(machine, other, link.clone());
            self.set(other, machine, link.clone());
        }
    }

    /// A machine's links are like the others again.
    pub fn unset_all_of(&mut self, machine: usize) {
        self.special
            .retain(|(from, to), _| *from != machine && *to != machine);
    }

    /// Cuts every link between the two sides, both ways.
    pub fn partition(&mut self, one: &[usize], other: &[usize]) {
        for from in one {
            for to in other {
                self.cut.extend([(*from, *to), (*to, *from)]);
            }
        }
    }

    /// One machine is not heard by another any more.
    pub fn cut_one_way(&mut self, from: usize, to: usize) {
        if from != to {
            self.cut.insert((from, to));
        }
    }

    /// All links are those of a quiet network again. What is cut stays cut.
    pub fn heal(&mut self) {
        self.link = Link::default();
        self.special.clear();
    }

    /// Mends what is cut.
    pub fn mend(&mut self) {
        self.cut.clear();
    }

    /// Mends what is cut between these two.
    pub fn mend_between(&mut self, one: usize, other: usize) {
        self.cut.remove(&(one, other));
        self.cut.remove(&(other, one));
    }

    /// Whether packets from one reach the other at all.
    #[must_use]
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cut.contains(&(from, to))
    }

    /// How long a datagram of so many bytes takes.
    pub fn datagram(&mut self, from: usize, to: usize, bytes: usize, now: Duration) -> Arrivals {
        let (link, state) = self.way(from, to);
        let is_lost = link.loss.strikes(&mut state.is_bad, &mut state.rng);
        let latency = link.latency.draw(&mut state.rng);
        let is_held_back = link.reordering > 0.0 && state.rng.random_bool(link.reordering);
        let held_back = match is_held_back {
            true => link.reorder_delay.mul_f64(state.rng.random()),
            false => Duration::ZERO,
        };
        let is_doubled = link.duplication > 0.0 && state.rng.random_bool(link.duplication);
        let again = is_doubled.then(|| link.latency.draw(&mut state.rng));
        let waits = state.waits(now);
        if waits > link.queue_max {
            return [None, None];
        }
        let sent = state.occupy(link, bytes, now);
        self.wire
            .datagram(bytes, owed(&mut self.owed, from, to), now);
        if is_lost || self.is_cut(from, to) {
            return [None, None];
        }
        self.wire.arrived(owed(&mut self.owed, to, from), now);
        [
            Some(sent + latency + held_back),
            again.map(|latency| sent + latency),
        ]
    }

    /// How long a message of so many bytes on a stream takes: each loss costs a retransmission.
    /// None: no way.
    pub fn stream(
        &mut self,
        from: usize,
        to: usize,
        bytes: usize,
        now: Duration,
    ) -> Option<Duration> {
        let is_cut = self.is_cut(from, to) || self.is_cut(to, from);
        let (link, state) = self.way(from, to);
        // A new stream costs no round trip, but acknowledgements pace what is on it.
        let mut time = link.latency.draw(&mut state.rng) * 2;
        for _ in 0..TRIES_MAX {
            if !link.loss.strikes(&mut state.is_bad, &mut state.rng) {
                break;
            }
            time += RETRANSMISSION;
        }
        let sent = state.occupy(link, bytes, now);
        self.wire
            .message(bytes, owed(&mut self.owed, from, to), now);
        if is_cut {
            return None;
        }
        self.wire.arrived(owed(&mut self.owed, to, from), now);
        Some(sent + time)
    }

    fn way(&mut self, from: usize, to: usize) -> (&Link, &mut State) {
        let seed = self.seed;
        let state = self.states[from].entry(to).or_insert_with(|| State {
            rng: SplitMix64::seed_from_u64(streams::link(seed, from, to)),
            is_bad: false,
            busy_until: Duration::ZERO,
        });
        let link = match self.special.is_empty() {
            true => &self.link,
            false => self.special.get(&(from, to)).unwrap_or(&self.link),
        };
        (link, state)
    }
}

fn owed(all: &mut [BTreeMap<usize, Owed>], by: usize, to: usize) -> &mut Owed {
    all[by].entry(to).or_default()
}

impl State {
    fn waits(&self, now: Duration) -> Duration {
        self.busy_until.saturating_sub(now)
    }

    /// The time until so many bytes are on their way.
    fn occupy(&mut self, link: &Link, bytes: usize, now: Duration) -> Duration {
        let Some(bandwidth) = link.bandwidth_bps else {
            return Duration::ZERO;
        };
        let bits = bytes as u128 * 8;
        let nanos = bits * 1_000_000_000 / u128::from(bandwidth.max(1));
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.busy_until = self.busy_until.max(now).saturating_add(takes);
        self.busy_until - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn arrivals(links: &mut Links, from: usize, to: usize, count: u64) -> Vec<Arrivals> {
        let sent = |n: u64| MS * u32::try_from(n).unwrap_or(0);
        (0..count)
            .map(|n| links.datagram(from, to, 100, sent(n)))
            .collect()
    }

    fn share_lost(link: Link) -> f64 {
        let mut links = Links::new(2, 1);
        links.link = link;
        let all = arrivals(&mut links, 0, 1, 100_000);
        all.iter().filter(|one| one[0].is_none()).count() as f64 / 100_000.0
    }

    #[test]
    fn a_link_draws_from_its_own_stream_whatever_the_others_do() {
        let (mut one, mut other) = (Links::new(3, 7), Links::new(3, 7));
        arrivals(&mut other, 1, 0, 50);
        arrivals(&mut other, 0, 2, 50);
        assert_eq!(arrivals(&mut one, 0, 1, 50), arrivals(&mut other, 0, 1, 50));
        let mut third = Links::new(3, 8);
        assert_ne!(arrivals(&mut one, 0, 1, 50), arrivals(&mut third, 0, 1, 50));
    }

    #[test]
    fn loss_comes_as_often_as_it_says_alone_or_in_bursts() {
        let alone = share_lost(Link {
            loss: Loss::Independent(0.2),
            ..Link::default()
        });
        assert!((alone - 0.2).abs() < 0.01, "{alone}");
        let bursts = Loss::Bursts(Bursts {
            to_bad: 0.01,
            to_good: 0.1,
            loss_good: 0.001,
            loss_bad: 0.8,
        });
        let share = share_lost(Link {
            loss: bursts,
            ..Link::default()
        });
        assert!((share - bursts.mean()).abs() < 0.01, "{share}");
    }

    #[test]
    fn datagrams_are_doubled_and_overtaken_as_often_as_said() {
        let mut links = Links::new(2, 3);
        links.link.latency = Latency::between(MS, MS);
        links.link.duplication = 0.1;
        links.link.reordering = 0.3;
        let all = arrivals(&mut links, 0, 1, 10_000);
        let doubled = all.iter().filter(|one| one[1].is_some()).count();
        let late = all.iter().filter(|one| one[0] > Some(MS)).count();
        assert!((900..1_100).contains(&doubled), "{doubled}");
        assert!((2_800..3_200).contains(&late), "{late}");
        assert!(all.iter().all(|one| one[0] <= Some(MS * 21)));
    }

    #[test]
    fn a_slow_link_makes_wait_and_drops_what_would_wait_too_long() {
        let mut links = Links::new(2, 3);
        links.link.latency = Latency::between(MS, MS);
        links.link.bandwidth_bps = Some(8_000);
        links.link.queue_max = MS * 250;
        let mut send = || links.datagram(0, 1, 100, Duration::ZERO)[0];
        assert_eq!(send(), Some(MS * 101));
        assert_eq!(send(), Some(MS * 201));
        assert_eq!(send(), Some(MS * 301));
        assert_eq!(send(), None, "300 ms of others' bytes before it");
        assert_eq!(
            links.stream(0, 1, 100, Duration::ZERO),
            Some(MS * 402),
            "a stream waits its turn"
        );
    }

    #[test]
    fn latencies_follow_their_quantiles() {
        let quantiles = vec![(0.0, MS), (0.5, MS * 2), (0.9, MS * 50), (1.0, MS * 200)];
        let mut links = Links::new(2, 3);
        links.link.latency = Latency::of_quantiles(quantiles).unwrap();
        let all = arrivals(&mut links, 0, 1, 10_000);
        let mut times: Vec<Duration> = all.iter().filter_map(|one| one[0]).collect();
        times.sort();
        assert!(times[0] >= MS && times[9_999] <= MS * 200);
        assert!(times[4_900] < MS * 2 && times[5_100] > MS * 2);
        assert!(times[8_900] < MS * 50 && times[9_100] > MS * 50);
        for wrong in [
            vec![],
            vec![(0.0, MS)],
            vec![(0.1, MS), (1.0, MS)],
            vec![(0.0, MS * 2), (1.0, MS)],
        ] {
            assert!(Latency::of_quantiles(wrong).is_err());
        }
    }

    #[test]
    fn the_links_of_one_machine_may_be_worse_than_the_others() {
        let mut links = Links::new(3, 3);
        let dead = Link {
            loss: Loss::Independent(1.0),
            ..Link::default()
        };
        links.set_all_of(1, &dead);
        let reaches = |links: &mut Links| {
            [(0, 1), (1, 0), (1, 2), (0, 2), (2, 0)]
                .map(|(from, to)| links.datagram(from, to, 1, Duration::ZERO)[0].is_some())
        };
        assert_eq!(reaches(&mut links), [false, false, false, true, true]);
        links.unset_all_of(1);
        assert_eq!(reaches(&mut links), [true; 5]);
    }

    #[test]
    fn what_is_cut_is_cut_one_way_until_it_is_mended() {
        let mut links = Links::new(2, 3);
        links.cut_one_way(0, 1);
        assert_eq!(links.datagram(0, 1, 1, Duration::ZERO), [None, None]);
        assert!(links.datagram(1, 0, 1, Duration::ZERO)[0].is_some());
        assert!(links.stream(1, 0, 1, Duration::ZERO).is_none(), "no answer");
        links.mend_between(1, 0);
        assert!(links.stream(1, 0, 1, Duration::ZERO).is_some());
    }
}
