//! `[placement]` of a plan: a study of who gets which slot, without a network.

use serde::Deserialize;
use shoal_scheduler::placement::{LoadCaps, SLOTS_MAX, Weight};

use super::{ChurnPlan, Disks, Links, Measure, Plan, Protocol, RuntimePlan, ten_seconds};
use crate::placement::{Algorithm, POINTS_MAX, Study};

/// Most (slot, node) pairs: plain rendezvous hashing looks at all of them, at some 40 million a second.
const PAIRS_MAX: u64 = 1_000_000_000;
/// Weights of nodes.
const WEIGHTS_MAX: usize = 1_000;
/// Nodes that go, one after another.
const LOSSES_MAX: u32 = 1_000;
/// Replicas of a service, and slots of a node.
const REPLICAS_MAX: u64 = 100_000;

/// `[placement]`: `cluster.nodes` are filled by a rule; nodes go and come back; a service grows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlacementPlan {
    /// `bounded-hrw` (what nodes run), `hrw`, `ring` or `random`. `bounded-hrw`.
    pub algorithm: Algorithm,
    /// Slots of all services together, for each node. 10.
    pub slots_per_node: u64,
    /// Replicas of each service; the last has what is left. 3.
    pub replicas: u64,
    /// What nodes weigh, by turns: `[1, 4]` makes every other node four times as strong. All 1.
    pub weights: Vec<f64>,
    /// `ring`: points of a node of weight 1 on the ring. 100.
    pub virtual_nodes: u32,
    /// How many nodes go, each back before the next goes. 5.
    pub losses: u32,
}

impl Default for PlacementPlan {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            slots_per_node: 10,
            replicas: 3,
            weights: Vec::new(),
            virtual_nodes: 100,
            losses: 5,
        }
    }
}

impl PlacementPlan {
    /// The study of so many nodes.
    ///
    /// # Errors
    /// What is too much or too little.
    pub fn study(&self, nodes: usize, load_caps: LoadCaps) -> Result<Study, String> {
        let wrong = |what: String| Err(format!("placement: {what}"));
        if nodes < 2 {
            return wrong("needs at least 2 nodes: one of them goes".to_owned());
        }
        for (name, value) in [
            ("slots_per_node", self.slots_per_node),
            ("replicas", self.replicas),
        ] {
            if !(1..=REPLICAS_MAX).contains(&value) {
                return wrong(format!("{name} is 1 to {REPLICAS_MAX}"));
            }
        }
        let slots = self.slots_per_node * nodes as u64;
        if slots > SLOTS_MAX as u64 || slots * nodes as u64 > PAIRS_MAX {
            return wrong(format!(
                "{slots} slots on {nodes} nodes: at most {SLOTS_MAX} slots, and {PAIRS_MAX} of slots times nodes"
            ));
        }
        let points = u64::from(self.virtual_nodes) * nodes as u64 * self.weight_max();
        if self.virtual_nodes == 0 || points > POINTS_MAX {
            return wrong(format!(
                "virtual_nodes is at least 1, and the ring has at most {POINTS_MAX} points"
            ));
        }
        if !(1..=LOSSES_MAX).contains(&self.losses) {
            return wrong(format!("losses is 1 to {LOSSES_MAX}"));
        }
        Ok(Study {
            algorithm: self.algorithm,
            nodes,
            weights: self.weights()?,
            slots_per_node: self.slots_per_node,
            replicas: self.replicas,
            virtual_nodes: self.virtual_nodes,
            load_caps,
            losses: self.losses,
        })
    }

    /// The largest weight, rounded up.
    fn weight_max(&self) -> u64 {
        let largest = self.weights.iter().copied().fold(1.0, f64::max);
        largest.ceil() as u64
    }

    fn weights(&self) -> Result<Vec<Weight>, String> {
        if self.weights.len() > WEIGHTS_MAX {
            return Err(format!("placement.weights: at most {WEIGHTS_MAX}"));
        }
        let bounds = [Weight::MIN, Weight::MAX].map(|bound| f64::from(bound.thousandths()) / 1e3);
        let weight = |number: &f64| {
            let is_one = (bounds[0]..=bounds[1]).contains(number);
            let weight = Weight::parse(&number.to_string()).filter(|_| is_one);
            let [low, high] = bounds;
            weight.ok_or_else(|| format!("placement.weights: {number} is not {low} to {high}"))
        };
        self.weights.iter().map(weight).collect()
    }

    /// About how many bytes of memory a run needs: a few placements as maps, and the ring or short lists.
    #[must_use]
    pub fn memory_estimate(&self, nodes: usize) -> u64 {
        let nodes = nodes as u64;
        let slots = self.slots_per_node.saturating_mul(nodes);
        let points = nodes.saturating_mul(u64::from(self.virtual_nodes));
        slots
            .saturating_mul(800)
            .saturating_add(points.saturating_mul(self.weight_max()).saturating_mul(24))
            .saturating_add(nodes * 2_000)
    }
}

impl Plan {
    /// The study of placement that this is, if it is one.
    ///
    /// # Errors
    /// What is too much or too little, or does not belong in one.
    pub fn study(&self) -> Result<Study, String> {
        let Some(placement) = &self.placement else {
            return Err(
                "placement: to measure placement, a plan has the section [placement]".into(),
            );
        };
        if self.measure.iter().any(|what| *what != Measure::Placement) {
            return Err("measure: a plan with [placement] measures \"placement\" alone".into());
        }
        let protocol = Protocol {
            load_cap: None,
            ..self.protocol.clone()
        };
        let strange = [
            ("duration", !self.duration.0.is_zero()),
            ("warm_up", self.warm_up != ten_seconds()),
            ("cluster: all but nodes", !self.cluster.is_plain()),
            ("links", self.links != Links::default()),
            ("disks", self.disks != Disks::default()),
            ("runtime", self.runtime != RuntimePlan::default()),
            (
                "protocol: all but load_cap",
                protocol != Protocol::default(),
            ),
            ("services", !self.services.is_empty()),
            ("faults", !self.faults.is_empty()),
            ("churn", self.churn != ChurnPlan::default()),
        ];
        if let Some((name, _)) = strange.iter().find(|(_, is_there)| *is_there) {
            return Err(format!(
                "{name}: does not belong beside [placement], which has no network and no time"
            ));
        }
        placement.study(self.cluster.nodes, self.protocol.load_caps())
    }
}
