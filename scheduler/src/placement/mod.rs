//! Who owns what: a pure function that every node computes alike.
//!
//! [`plan`] takes all services, the nodes that can be counted on, what nodes refused, and where data
//! lies; it gives each slot an owner. It knows no clock and no past, does no floating point, and its
//! result does not depend on the machine: every node works out the same plan and runs its own part.
//!
//! - Score: weighted rendezvous hashing (`score.rs`, `logarithm.rs`)
//! - Caps: a ladder of rungs for a node's load (`rung.rs`), even shares for a service (`spread.rs`)
//! - The walk: global services, then all pairs by (priority, score), in three passes (`walk.rs`)
//! - Filters and their words: Swarm's (`filter.rs`, `constraint.rs`, `reason.rs`)
//!
//! What all of it must give is published in `scheduler/vectors/`; a change of any answer there is a
//! new version of the function, and a cluster uses the lowest [`Version`] on its roster.

mod binding;
mod capable;
mod constraint;
mod demand;
mod explain;
mod field;
mod filter;
mod global;
mod input;
mod keepers;
mod ledger;
mod logarithm;
mod nodes;
mod plan;
mod planner;
mod platform;
mod reason;
mod rung;
mod score;
mod shortlist;
mod spread;
mod walk;
mod weight;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod situations;
#[cfg(test)]
mod vectors;

pub use capable::may_run;
pub use explain::{Explanation, NodeExplanation, explain};
pub use input::{Home, Input, LoadCaps, Node, PLACEMENT_VERSION, UnknownVersion, Version};
pub use keepers::{KEEPERS, keepers};
pub use plan::{Owners, Plan};
pub use planner::{Planner, SLOTS_MAX};
pub use platform::runs_programs_for;
pub use rung::rung;
pub use score::score;
pub use weight::Weight;

/// The plan of this input. Who plans again and again uses a [`Planner`], which gives the same.
#[must_use]
pub fn plan(input: &Input) -> Plan {
    Planner::default().plan_of(input)
}
