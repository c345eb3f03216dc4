//! What this node should start and stop: a pure difference between the slots that it owns, the
//! tasks that it has, and what everybody reports.
//!
//! Make before break: a task that this node no longer owns stays until its owner's runs. An owner
//! starts at once what nobody runs, and takes over what another runs only after a hold-down. So
//! nothing waits after a death, and nothing churns after a return.

mod departing;
mod holddown;
mod ledger;
mod local;
mod owned;
mod yielding;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

pub use holddown::HoldDowns;
pub use ledger::{Ledger, Outcome};
pub use local::{LocalTask, LocalTasks};
use shoal_membership::NodeId;
pub use yielding::Yields;

use crate::{
    job::Job,
    spec::{ServiceSpec, UpdateOrder},
    task::{ServiceId, Slot, TaskId, TaskState},
};

/// A slot of a service.
pub type SlotKey = (ServiceId, Slot);

/// How long a drained node keeps a task that fits nowhere else.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(120);
/// A task without a health check has settled when it ran this long.
pub const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// A service, as far as reconciling needs it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What people asked for.
    pub spec: Arc<ServiceSpec>,
    /// Fingerprint of its template: a task of another one is stale.
    pub template: u64,
    /// The spec before, and the fingerprint of its template.
    pub previous: Option<(Arc<ServiceSpec>, u64)>,
    /// Slots that an update has come to; in others a stale task stays as long as it is well. None: all.
    pub open: Option<BTreeSet<Slot>>,
    /// Slots that stay with the spec before: an update stopped before it came to them.
    pub behind: BTreeSet<Slot>,
    /// Whether a stale task ends before the next one starts.
    pub order: UpdateOrder,
    /// How far it is, if it is a job.
    pub job: Option<Job>,
}

impl Wanted {
    /// Whether nothing is left to do in this slot.
    fn is_done(&self, slot: &SlotKey) -> bool {
        self.job
            .as_ref()
            .is_some_and(|job| job.next(slot.1).is_none())
    }

    /// The spec that a task of this slot has when it starts now, and the fingerprint of its template.
    fn target(&self, slot: &SlotKey) -> (&ServiceSpec, u64) {
        if let Some(job) = &self.job {
            let run = job.next(slot.1).unwrap_or(0);
            return (&self.spec, Job::template(self.template, run));
        }
        match &self.previous {
            Some((spec, template)) if self.behind.contains(&slot.1) => (spec, *template),
            _ => (&self.spec, self.template),
        }
    }

    fn is_closed(&self, slot: &SlotKey) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| !open.contains(&slot.1))
    }
}

/// A task of another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The node, which is alive.
    pub node: NodeId,
    /// Of this template.
    pub template: u64,
    /// How far it is.
    pub state: TaskState,
    /// Whether its node wants it to run.
    pub is_wanted: bool,
    /// Whether it runs, is healthy, and has been so for long enough.
    pub has_settled: bool,
    /// Whether its node can't keep it: it is drained, or leaves.
    pub must_move: bool,
    /// Whether its node keeps it as it is: it is paused.
    pub is_kept: bool,
}

impl Elsewhere {
    /// Whether this task keeps others from starting one.
    fn is_live(&self) -> bool {
        self.is_wanted && !self.state.is_terminal()
    }
}

/// Everything that decides what to do.
pub struct Situation<'a> {
    /// Monotonic time.
    pub now: Duration,
    /// This node.
    pub me: NodeId,
    /// Whether this node itself is paused: it keeps what it has, and starts nothing.
    pub is_paused: bool,
    /// Whether this node itself is drained since then.
    pub drained_since: Option<Duration>,
    /// This node leaves, and stops everything at that time at the latest.
    pub leaves_at: Option<Duration>,
    /// Every slot there should be, and its owner; none: it fits nowhere.
    pub slots: &'a BTreeMap<SlotKey, Option<NodeId>>,
    /// All services.
    pub services: &'a BTreeMap<ServiceId, Wanted>,
    /// The services that the slots were worked out of; of others the slots say nothing.
    pub planned: &'a dyn Fn(&ServiceId) -> bool,
    /// Whether a service that is not there is known to have been removed, by its id and name. While a
    /// store is being refilled it may only not be there yet.
    pub is_removed: &'a dyn Fn(&ServiceId, &str) -> bool,
    /// This node's tasks.
    pub local: &'a LocalTasks,
    /// What living others report.
    pub elsewhere: &'a BTreeMap<SlotKey, Vec<Elsewhere>>,
    /// Restarts so far.
    pub ledger: &'a Ledger,
    /// Takeovers so far.
    pub hold_downs: &'a HoldDowns,
    /// Slots that this node has had a reason to yield, and since when.
    pub yields: &'a Yields,
    /// Whether that node ranks above this one for the slot.
    pub outranks_me: &'a dyn Fn(&SlotKey, &NodeId) -> bool,
}

/// Something to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make a task in this slot, and start it at that monotonic time.
    Start {
        /// Where.
        slot: SlotKey,
        /// When.
        at: Duration,
        /// Another node still runs it.
        takes_over: bool,
    },
    /// Stop a task.
    Stop {
        /// Which.
        task: TaskId,
        /// Why, for people.
        why: &'static str,
    },
    /// Start waiting to take over a slot that another node runs.
    Hold {
        /// Which.
        slot: SlotKey,
    },
}

/// What to do now, and when to look again if nothing else happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// To do, in order.
    pub actions: Vec<Action>,
    /// Slots whose task here could go, and does when it still could after a while.
    pub yielding: Vec<SlotKey>,
    /// Monotonic time of the next look.
    pub look_again_at: Option<Duration>,
}

impl Decision {
    fn stop(&mut self, task: TaskId, why: &'static str) {
        self.actions.push(Action::Stop { task, why });
    }

    fn look_again(&mut self, at: Duration) {
        self.look_again_at = Some(self.look_again_at.map_or(at, |earlier| earlier.min(at)));
    }
}

/// Decides what to do.
#[must_use]
pub fn reconcile(situation: &Situation<'_>) -> Decision {
    let mut decision = Decision::default();
    departing::decide(situation, &mut decision);
    if situation.leaves_at.is_none() {
        owned::decide(situation, &mut decision);
    }
    decision
}

#[cfg(test)]
mod tests;
