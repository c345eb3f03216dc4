//! What is done to a cluster to see how a rule places: it is filled; then nodes go, one after another, each
//! back before the next goes; then a service gets twice its replicas.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::SplitMix64;
use shoal_membership::NodeId;
use shoal_scheduler::placement::{LoadCaps, Weight};

use super::{Algorithm, Cluster, Owners, Settings, balance, movement};
use crate::{results::RunRecord, streams};

/// A study of one rule on one kind of cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Study {
    /// The rule.
    pub algorithm: Algorithm,
    /// Nodes: at least 2.
    pub nodes: usize,
    /// Their weights, by turns. None: all 1.
    pub weights: Vec<Weight>,
    /// Slots of all services together, for each node.
    pub slots_per_node: u64,
    /// Replicas of each service.
    pub replicas: u64,
    /// Of the ring.
    pub virtual_nodes: u32,
    /// Of the bounded rule.
    pub load_caps: LoadCaps,
    /// How many nodes go, and come back.
    pub losses: u32,
}

/// Slots that moved, and of how many.
#[derive(Clone, Copy, Debug, Default)]
struct Movement {
    moved: u64,
    /// Slots that the one concerned had, or has now: no rule can do with fewer moves.
    least: u64,
}

impl Movement {
    fn per_least(self) -> f64 {
        match self.least {
            0 => f64::NAN,
            least => self.moved as f64 / least as f64,
        }
    }

    fn add(&mut self, moved: u64, least: u64) {
        self.moved += moved;
        self.least += least;
    }
}

impl Study {
    /// Runs it: a function of itself and the seed. No time passes in it; its events are placements.
    #[must_use]
    pub fn run(&self, seed: u64) -> RunRecord {
        let slots = self.slots_per_node.saturating_mul(self.nodes as u64);
        let full = Cluster::drawn(self.nodes, &self.weights, slots, self.replicas, seed);
        let mut rng = SplitMix64::seed_from_u64(streams::placed_anew(seed));
        let mut placing = Placing::new(self, seed);
        let first = placing.place(&full);
        let (mut loss, mut returning) = (Movement::default(), Movement::default());
        let mut now = first.clone();
        let ids: Vec<NodeId> = full.nodes.keys().copied().collect();
        for _ in 0..self.losses {
            let node = ids[rng.random_range(0..ids.len())];
            let without = placing.place(&full.without(node));
            loss.add(movement::moved(&now, &without), movement::owned(&now, node));
            now = placing.place(&full);
            returning.add(movement::moved(&without, &now), movement::owned(&now, node));
        }
        let (larger, added) = scaled_up(&full, &mut rng);
        let after = placing.place(&larger);
        let growth = Movement {
            moved: movement::moved(&now, &after),
            least: added,
        };
        let loads = balance::loads_over_fair_share(&full, &first);
        let at_last = balance::loads_over_fair_share(&full, &now);
        let all = slots as f64 * f64::from(self.losses);
        let measures = [
            ("load_max_over_mean", balance::fullest(&loads)),
            ("load_cv", balance::coefficient_of_variation(&loads)),
            ("load_jain_index", balance::jain_index(&loads)),
            (
                "load_max_over_mean_after_losses",
                balance::fullest(&at_last),
            ),
            ("stacked_slots_share", balance::stacked_share(&first)),
            ("moved_on_loss_share", loss.moved as f64 / all),
            ("moves_per_lost_slot", loss.per_least()),
            ("moved_on_return_share", returning.moved as f64 / all),
            ("moves_per_regained_slot", returning.per_least()),
            ("moves_per_added_slot", growth.per_least()),
        ];
        RunRecord {
            measures: measures.map(|(name, value)| (name.into(), value)).into(),
            samples: vec![("load_over_fair_share".into(), loads)],
            trace: placing.trace(),
            virtual_s: 0.0,
            events: placing.count,
        }
    }
}

/// The same cluster with a service that is drawn twice as large, and how many slots came to it.
fn scaled_up(cluster: &Cluster, rng: &mut SplitMix64) -> (Cluster, u64) {
    let mut larger = cluster.clone();
    let lot = rng.random_range(0..larger.services.len().max(1));
    let Some(replicas) = larger.services.values_mut().nth(lot) else {
        return (larger, 0);
    };
    let added = *replicas;
    *replicas += added;
    (larger, added)
}

/// A placer, and the hash of all that it answered.
struct Placing {
    placer: Box<dyn super::Placer>,
    hasher: blake3::Hasher,
    count: u64,
}

impl Placing {
    fn new(study: &Study, seed: u64) -> Self {
        let settings = Settings {
            virtual_nodes: study.virtual_nodes,
            load_caps: study.load_caps,
            seed: streams::lots(seed),
        };
        Self {
            placer: study.algorithm.placer(&settings),
            hasher: blake3::Hasher::new(),
            count: 0,
        }
    }

    fn place(&mut self, cluster: &Cluster) -> Owners {
        let owners = self.placer.place(cluster);
        self.count += 1;
        for ((service, number), node) in &owners {
            self.hasher.update(&service.0.to_be_bytes());
            self.hasher.update(&number.to_le_bytes());
            self.hasher.update(node.as_bytes());
        }
        owners
    }

    fn trace(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.hasher.finalize().as_bytes()[..8]);
        u64::from_le_bytes(first)
    }
}
