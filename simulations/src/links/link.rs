//! How one direction of one link behaves.

use std::time::Duration;

use rand::{Rng, RngExt};

/// The behaviour of a link in one direction. The default is a quiet local network: 0.2 to 2 ms, and
/// nothing goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Time from one machine to the other.
    pub latency: Latency,
    /// Which datagrams are lost. Streams repeat what is lost, and take longer.
    pub loss: Loss,
    /// Share of datagrams that arrive twice, 0 to 1.
    pub duplication: f64,
    /// Share of datagrams that are held back and overtaken, 0 to 1.
    pub reordering: f64,
    /// For how long at most they are held back.
    pub reorder_delay: Duration,
    /// Bits per second; none: more than anybody sends.
    pub bandwidth_bps: Option<u64>,
    /// A datagram that would wait longer than this for its turn is dropped (the queue of a router).
    pub queue_max: Duration,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            latency: Latency::between(Duration::from_micros(200), Duration::from_millis(2)),
            loss: Loss::Independent(0.0),
            duplication: 0.0,
            reordering: 0.0,
            reorder_delay: Duration::from_millis(20),
            bandwidth_bps: None,
            queue_max: Duration::from_millis(200),
        }
    }
}

/// A distribution of times by its quantiles, straight between them: how measured links are described
/// best, and exact on every machine (no logarithm whose last bit differs).
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    /// Share of the packets, from 0 to 1, that take at most so long; ascending in both.
    quantiles: Vec<(f64, Duration)>,
}

impl Latency {
    /// Evenly spread between two times, in whichever order.
    #[must_use]
    pub fn between(one: Duration, other: Duration) -> Self {
        let quantiles = vec![(0.0, one.min(other)), (1.0, one.max(other))];
        Self { quantiles }
    }

    /// By quantiles: pairs of a share from 0 to 1 and a time.
    ///
    /// # Errors
    /// If the first share is not 0, the last not 1, or one of both does not ascend.
    pub fn of_quantiles(quantiles: Vec<(f64, Duration)>) -> Result<Self, String> {
        let first = quantiles.first().map(|(share, _)| *share);
        let last = quantiles.last().map(|(share, _)| *share);
        if first != Some(0.0) || last != Some(1.0) || quantiles.len() < 2 {
            return Err("the quantiles of a latency begin at p0 and end at p100".to_owned());
        }
        let ascends = |pair: &[(f64, Duration)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        match quantiles.windows(2).all(ascends) {
            true => Ok(Self { quantiles }),
            false => Err("the quantiles of a latency ascend".to_owned()),
        }
    }

    /// The shortest time.
    #[must_use]
    pub fn min(&self) -> Duration {
        self.quantiles.first().map_or(Duration::ZERO, |(_, at)| *at)
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.quantiles.last().map_or(Duration::ZERO, |(_, at)| *at)
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let part = |pair: &[(f64, Duration)]| {
            let [(from, short), (to, long)] = [pair[0], pair[1]];
            (short + long).mul_f64((to - from) / 2.0)
        };
        self.quantiles.windows(2).map(part).sum()
    }

    pub(super) fn draw(&self, rng: &mut impl Rng) -> Duration {
        let share: f64 = rng.random();
        let pairs = self.quantiles.windows(2);
        let Some(pair) = pairs
            .clone()
            .find(|pair| share < pair[1].0)
            .or(pairs.last())
        else {
            return self.min();
        };
        let [(from, short), (to, long)] = [pair[0], pair[1]];
        short + (long - short).mul_f64((share - from) / (to - from))
    }
}

/// Which datagrams are lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Each with this probability, whatever became of the one before.
    Independent(f64),
    /// In bursts.
    Bursts(Bursts),
}

/// Loss in bursts: a link is good or bad, and changes with each datagram that it is offered (Gilbert
/// 1960, Elliott 1963). All four are probabilities, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// That a good link turns bad. 1 / this: datagrams between bursts.
    pub to_bad: f64,
    /// That a bad one turns good. 1 / this: datagrams in a burst.
    pub to_good: f64,
    /// That a datagram is lost while the link is good.
    pub loss_good: f64,
    /// While it is bad.
    pub loss_bad: f64,
}

impl Loss {
    /// Whether the next datagram is lost. `is_bad` is the state of the link.
    pub(super) fn strikes(&self, is_bad: &mut bool, rng: &mut impl Rng) -> bool {
        match self {
            Self::Independent(share) => rng.random_bool(*share),
            Self::Bursts(bursts) => {
                let turn = if *is_bad {
                    bursts.to_good
                } else {
                    bursts.to_bad
                };
                *is_bad ^= rng.random_bool(turn);
                let share = if *is_bad {
                    bursts.loss_bad
                } else {
                    bursts.loss_good
                };
                rng.random_bool(share)
            }
        }
    }

    /// The share that is lost in the long run.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            Self::Independent(share) => *share,
            Self::Bursts(bursts) if bursts.to_bad + bursts.to_good > 0.0 => {
                let bad = bursts.to_bad / (bursts.to_bad + bursts.to_good);
                bad * bursts.loss_bad + (1.0 - bad) * bursts.loss_good
            }
            Self::Bursts(bursts) => bursts.loss_good,
        }
    }
}
