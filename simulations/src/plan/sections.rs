//! The sections of a plan: the cluster, its network, disks, runtimes and protocol.

use std::collections::BTreeMap;

use serde::Deserialize;
use shoal_membership::Profile;

use super::units::{Rate, Share, Time, Times};
use crate::{
    Runtime,
    links::{Bursts, Latency, Link, Loss},
};

/// Most machines of a plan.
pub const NODES_MAX: usize = 100_000;

/// How the cluster comes to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// As if it had been running for long: quick for any size.
    #[default]
    Prepared,
    /// The first founds it, the others join one after the other: N² work.
    Joined,
}

/// `[cluster]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Machines that are members from the beginning: 1 to 100,000.
    pub nodes: usize,
    /// Machines that are off and outside at the beginning. 0.
    #[serde(default)]
    pub outside: usize,
    /// `prepared` or `joined`. `prepared`.
    #[serde(default)]
    pub start: Start,
    /// `lan` or `edge`. `lan`.
    #[serde(default, deserialize_with = "profile")]
    pub profile: Profile,
    /// Share of the machines that are behind a NAT; the first never is. 0 %.
    #[serde(default)]
    pub behind_nat: Share,
    /// Largest drift of the machines' clocks, either way; each has its own. 0.
    #[serde(default)]
    pub clock_drift: super::units::Ppm,
    /// From a machine's wish for a plan of placement until it has it. 1 ms.
    pub planning: Option<Time>,
}

impl Cluster {
    /// Whether nothing is said of it but how many nodes it has.
    pub(super) fn is_plain(&self) -> bool {
        let is_usual = self.start == Start::Prepared && self.profile == Profile::default();
        is_usual
            && self.outside == 0
            && self.behind_nat == Share::default()
            && self.clock_drift == super::units::Ppm::default()
            && self.planning.is_none()
    }
}

fn profile<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Profile, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// `[links]`: all links, both ways.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Links {
    /// One way: a range, evenly spread, or quantiles `{ p0 = "1 ms", p50 = "5 ms", p100 = "1 s" }`.
    /// 0.2..2 ms.
    pub latency: Option<LatencyPlan>,
    /// Share of lost datagrams, or bursts `{ to_bad, to_good, loss_good, loss_bad }`. 0 %.
    pub loss: Option<LossPlan>,
    /// Share of datagrams that arrive twice. 0 %.
    #[serde(default)]
    pub duplication: Share,
    /// Share of datagrams that are overtaken. 0 %.
    #[serde(default)]
    pub reordering: Share,
    /// For how long at most. 20 ms.
    pub reorder_delay: Option<Time>,
    /// Of each link, each way. No limit.
    pub bandwidth: Option<Rate>,
    /// Longest wait in front of a slow link; datagrams beyond are dropped. 200 ms.
    pub queue: Option<Time>,
}

/// A latency.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "a range such as \"0.2..2 ms\", or quantiles { p0 = …, p100 = … }"
)]
pub enum LatencyPlan {
    /// Evenly spread.
    Range(Times),
    /// By quantiles: `p50` is the time that half of the datagrams take at most.
    Quantiles(BTreeMap<String, Time>),
}

/// A loss.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "a share such as \"20 %\", or { to_bad = …, to_good = …, loss_good = …, loss_bad = … }"
)]
pub enum LossPlan {
    /// Each datagram by itself.
    Independent(Share),
    /// Gilbert and Elliott's bursts.
    Bursts {
        /// That a good link turns bad, with each datagram.
        to_bad: Share,
        /// That a bad link turns good.
        to_good: Share,
        /// Lost while it is good.
        loss_good: Share,
        /// Lost while it is bad.
        loss_bad: Share,
    },
}

impl LossPlan {
    /// As links know it.
    #[must_use]
    pub fn build(&self) -> Loss {
        match self {
            Self::Independent(Share(share)) => Loss::Independent(*share),
            Self::Bursts {
                to_bad,
                to_good,
                loss_good,
                loss_bad,
            } => Loss::Bursts(Bursts {
                to_bad: to_bad.0,
                to_good: to_good.0,
                loss_good: loss_good.0,
                loss_bad: loss_bad.0,
            }),
        }
    }
}

impl LatencyPlan {
    /// As links know it.
    ///
    /// # Errors
    /// Quantiles that are none, with what they have to be.
    pub fn build(&self) -> Result<Latency, String> {
        match self {
            Self::Range(Times(range)) => Ok(Latency::between(*range.start(), *range.end())),
            Self::Quantiles(named) => {
                let mut quantiles = Vec::new();
                for (name, Time(time)) in named {
                    let percent = name
                        .strip_prefix('p')
                        .and_then(|text| text.parse::<f64>().ok());
                    let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
                    let Some(percent) = percent else {
                        return Err(format!(
                            "links.latency: {name:?} is no quantile: use p0 to p100"
                        ));
                    };
                    quantiles.push((percent / 100.0, *time));
                }
                quantiles.sort_by(|one, other| one.0.total_cmp(&other.0));
                Latency::of_quantiles(quantiles).map_err(|error| format!("links.latency: {error}"))
            }
        }
    }
}

impl Links {
    /// As the engine knows it.
    ///
    /// # Errors
    /// A latency that is none.
    pub fn build(&self) -> Result<Link, String> {
        let quiet = Link::default();
        Ok(Link {
            latency: match &self.latency {
                Some(latency) => latency.build()?,
                None => quiet.latency,
            },
            loss: self.loss.as_ref().map_or(quiet.loss, LossPlan::build),
            duplication: self.duplication.0,
            reordering: self.reordering.0,
            reorder_delay: self
                .reorder_delay
                .map_or(quiet.reorder_delay, |time| time.0),
            bandwidth_bps: self.bandwidth.map(|rate| rate.0),
            queue_max: self.queue.map_or(quiet.queue_max, |time| time.0),
        })
    }
}

/// `[disks]`: all disks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disks {
    /// How long a durable write takes. 2 ms.
    pub delay: Option<Times>,
    /// Share of power cuts in the middle of a write that leave the store damaged. 0 %.
    #[serde(default)]
    pub torn: Share,
}

/// `[runtime]`: what all machines' runtimes do.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimePlan {
    /// From the order to start until a task runs. 20 ms.
    pub start: Option<Times>,
    /// To fetch an image, once a machine and image. 0 s.
    pub pull: Option<Times>,
    /// From the order to stop until a task has stopped. 10 ms.
    pub stop: Option<Times>,
    /// Share of starts that end with an error within 2 s. 0 %.
    #[serde(default)]
    pub crash: Share,
    /// Share of starts that the machine refuses. 0 %.
    #[serde(default)]
    pub reject: Share,
}

impl RuntimePlan {
    /// As the engine knows it.
    #[must_use]
    pub fn build(&self) -> Runtime {
        let usual = Runtime::default();
        let or = |given: &Option<Times>, usual| given.clone().map_or(usual, |times| times.0);
        Runtime {
            start: or(&self.start, usual.start),
            pull: or(&self.pull, usual.pull),
            stop: or(&self.stop, usual.stop),
            crash_share: self.crash.0,
            reject_share: self.reject.0,
        }
    }
}
