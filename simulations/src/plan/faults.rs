//! `[[faults]]` and `[[services]]` of a plan: what is done to the cluster, and when.

use serde::Deserialize;

use super::{
    sections::{LatencyPlan, LossPlan},
    units::{Share, Time},
};

/// Most faults of one entry, repetitions included.
const REPETITIONS_MAX: u32 = 1_000_000;

/// `[[services]]`: a service that is deployed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicePlan {
    /// Its name; a plan's services have different ones.
    pub name: String,
    /// When, since the end of the warm-up. 0 s.
    #[serde(default)]
    pub at: Time,
    /// Replicas. Either this or `replicas_per_node`, or neither: a global service.
    pub replicas: Option<u64>,
    /// Replicas for each of the cluster's nodes; rounded up.
    pub replicas_per_node: Option<f64>,
    /// Through which machine, from 1. 1.
    #[serde(default = "one")]
    pub through: usize,
}

impl ServicePlan {
    /// Tasks of it in a cluster of so many nodes.
    #[must_use]
    pub fn tasks(&self, nodes: usize) -> u64 {
        let per_node = self.replicas_per_node;
        let per_node = per_node.map(|each| (each * nodes as f64).ceil() as u64);
        self.replicas.or(per_node).unwrap_or(nodes as u64)
    }
}

const fn one() -> usize {
    1
}

/// What a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// A power cut. The machine comes back after `lasts`, if there is one.
    Crash,
    /// SIGKILL to the agent; its tasks go on. It comes back after `lasts`.
    Kill,
    /// SIGTERM: the agent hands its tasks over and stops. It comes back after `lasts`.
    Leave,
    /// Everything on the machine stands still for `lasts`.
    Pause,
    /// Each event takes the machine `work`, for `lasts`.
    Slow,
    /// The machines named hear only one another, and the others only theirs, for `lasts`.
    Partition,
    /// Each machine named hears nobody, and is not heard, for `lasts`.
    Isolate,
    /// The machines named are heard by nobody, but hear, for `lasts`.
    Mute,
    /// All links have this `loss` or `latency`, for `lasts`.
    Links,
    /// All links of the machines named have this `loss` or `latency`, both ways, for `lasts`.
    MachineLinks,
    /// The machine gets another address.
    Move,
    /// A machine from outside joins.
    Join,
    /// A power cut, and an empty disk; the machine joins as a new one after `lasts`.
    Wipe,
    /// The machine is removed from the cluster, by force.
    Remove,
    /// The disk takes no writes, for `lasts`.
    FullDisk,
    /// The store is found damaged at the next write.
    Damage,
    /// The wall clock jumps ahead `by`.
    ClockJump,
}

/// Which machines.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "a number of machines, a share such as \"10 %\", a list of machines from 1, or \"each\""
)]
pub enum Which {
    /// So many, drawn anew each time from those that run.
    Count(usize),
    /// This share of all, drawn anew each time from those that run.
    Share(Share),
    /// These, from 1.
    Listed(Vec<usize>),
    /// One after the other with each repetition, beginning with the first.
    Each(Each),
}

/// The word `each`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Each {
    /// `each`.
    Each,
}

/// `[[faults]]`: something that is done to machines.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// What.
    pub kind: FaultKind,
    /// When first, since the end of the warm-up. 0 s.
    #[serde(default)]
    pub at: Time,
    /// To which machines. One.
    #[serde(default = "any_one")]
    pub machines: Which,
    /// For how long. For ever, where the kind allows it.
    pub lasts: Option<Time>,
    /// How often it is repeated after the first time; needs `every`. 0.
    #[serde(default)]
    pub repeat: u32,
    /// How long after one another.
    pub every: Option<Time>,
    /// Each time comes up to so much later, drawn anew: nothing that the nodes do in a steady beat is then
    /// always at the same point of it. 0 s.
    #[serde(default)]
    pub jitter: Time,
    /// `slow`: what each event takes.
    pub work: Option<Time>,
    /// `clock-jump`: by how much.
    pub by: Option<Time>,
    /// `links`, `machine-links`.
    pub loss: Option<LossPlan>,
    /// `links`, `machine-links`.
    pub latency: Option<LatencyPlan>,
}

const fn any_one() -> Which {
    Which::Count(1)
}

impl FaultPlan {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// What is missing, or does not belong.
    pub fn check(&self, machines: usize) -> Result<(), String> {
        use FaultKind as Kind;
        let kind = self.kind;
        if self.repeat > 0 && self.every.is_none() {
            return Err("repeat needs every: how long after one another".to_owned());
        }
        if self.repeat > REPETITIONS_MAX {
            return Err(format!("repeat is at most {REPETITIONS_MAX}"));
        }
        let lasts = matches!(kind, Kind::Pause | Kind::Wipe);
        if lasts && self.lasts.is_none() {
            return Err(format!("{kind:?} needs lasts: for how long").to_lowercase());
        }
        if (kind == Kind::Slow) != self.work.is_some() {
            return Err("work belongs to slow, which needs it: what each event takes".to_owned());
        }
        if (kind == Kind::ClockJump) != self.by.is_some() {
            return Err("by belongs to clock-jump, which needs it".to_owned());
        }
        let has_links = self.loss.is_some() || self.latency.is_some();
        if matches!(kind, Kind::Links | Kind::MachineLinks) != has_links {
            return Err(
                "loss and latency belong to links and machine-links, which need one of them"
                    .to_owned(),
            );
        }
        match &self.machines {
            Which::Count(0) => Err("machines: 0 machines is nobody".to_owned()),
            Which::Count(count) if *count > machines => {
                Err(format!("machines: {count} of {machines}"))
            }
            Which::Listed(listed) => match listed.iter().find(|one| !(1..=machines).contains(*one))
            {
                Some(one) => Err(format!("machines: there is no machine {one} of {machines}")),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
