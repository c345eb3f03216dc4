//! The network between machines.

use std::{collections::BTreeSet, time::Duration};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// How packets fare. All links are alike but for the cut ones.
#[derive(Clone, Debug)]
pub struct Links {
    /// Shortest time from one machine to another.
    pub latency_min: Duration,
    /// Longest.
    pub latency_max: Duration,
    /// Share of datagrams lost, 0 to 1. Streams repeat what is lost, and take longer.
    pub loss: f64,
    /// Pairs (from, to) that hear nothing of one another, each way by itself.
    cut: BTreeSet<(usize, usize)>,
}

impl Default for Links {
    /// A quiet local network: 0.2 to 2 ms, no loss.
    fn default() -> Self {
        Self {
            latency_min: Duration::from_micros(200),
            latency_max: Duration::from_millis(2),
            loss: 0.0,
            cut: BTreeSet::new(),
        }
    }
}

impl Links {
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

    /// Latency and losses are those of a quiet network again. What is cut stays cut.
    pub fn heal(&mut self) {
        let cut = std::mem::take(&mut self.cut);
        *self = Self {
            cut,
            ..Self::default()
        };
    }

    /// Mends what is cut.
    pub fn mend(&mut self) {
        self.cut.clear();
    }

    /// Whether packets from one reach the other at all.
    #[must_use]
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cut.contains(&(from, to))
    }

    /// How long a datagram takes. None: it is lost.
    pub fn datagram(&self, from: usize, to: usize, rng: &mut ChaCha8Rng) -> Option<Duration> {
        let is_lost = rng.random_bool(self.loss);
        let latency = self.latency(rng);
        (!is_lost && !self.is_cut(from, to)).then_some(latency)
    }

    /// How long a message on a stream takes: each loss costs a retransmission. None: no way.
    pub fn stream(&self, from: usize, to: usize, rng: &mut ChaCha8Rng) -> Option<Duration> {
        if self.is_cut(from, to) || self.is_cut(to, from) {
            return None;
        }
        let mut time = self.latency(rng) * 2;
        while rng.random_bool(self.loss.min(0.9)) {
            time += Duration::from_millis(50);
        }
        Some(time)
    }

    fn latency(&self, rng: &mut ChaCha8Rng) -> Duration {
        let (min, max) = (self.latency_min.as_micros(), self.latency_max.as_micros());
        let micros = rng.random_range(min..=max.max(min));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}
