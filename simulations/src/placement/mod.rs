//! Placement by itself: who gets which slot, by the shipped rule and by those that it is compared with.
//!
//! No network and no time: whoever is there is known at once. [`Study`] places the slots of a made-up
//! cluster, takes nodes away and gives them back, makes a service larger, and counts what moves.
//! Everything follows from the seed. The rules that are no part of the product live here only.

mod balance;
mod bounded;
mod cluster;
mod movement;
mod random;
mod rendezvous;
mod ring;
mod study;

use std::collections::BTreeMap;

use serde::Deserialize;
use shoal_membership::NodeId;
use shoal_scheduler::{placement::LoadCaps, task::ServiceId};

pub use self::{cluster::Cluster, ring::POINTS_MAX, study::Study};

/// A slot: the number within its service begins with 1.
pub type SlotKey = (ServiceId, u64);

/// The owner of every slot of a cluster. Empty if there are no nodes.
pub type Owners = BTreeMap<SlotKey, NodeId>;

/// A rule of placement.
pub trait Placer {
    /// Gives every slot an owner; none, if there is no node. Equal placers that are asked the same in the
    /// same order answer the same.
    fn place(&mut self, cluster: &Cluster) -> Owners;
}

/// The rules there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// What nodes run: rendezvous hashing with caps on a ladder.
    #[default]
    BoundedHrw,
    /// Plain rendezvous hashing: each slot to its highest-scoring node.
    Hrw,
    /// A ring of virtual nodes.
    Ring,
    /// A node drawn by lot, and kept while it lives.
    Random,
}

/// What a placer is made of, beside its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Of each node of weight 1 on the ring.
    pub virtual_nodes: u32,
    /// Of the bounded rule.
    pub load_caps: LoadCaps,
    /// For who draws lots.
    pub seed: u64,
}

impl Algorithm {
    /// A placer of this rule that has placed nothing yet.
    #[must_use]
    pub fn placer(self, settings: &Settings) -> Box<dyn Placer> {
        match self {
            Self::BoundedHrw => Box::new(bounded::Bounded::new(settings.load_caps)),
            Self::Hrw => Box::new(rendezvous::Rendezvous),
            Self::Ring => Box::new(ring::Ring::new(settings.virtual_nodes)),
            Self::Random => Box::new(random::Random::new(settings.seed)),
        }
    }
}

#[cfg(test)]
mod properties;
