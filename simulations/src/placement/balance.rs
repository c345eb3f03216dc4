//! How even a placement is.

use std::collections::{BTreeMap, BTreeSet};

use shoal_membership::NodeId;

use super::{Cluster, Owners};

/// The load of each node, over its fair share: that of its weight in all slots. 1 is fair, and the mean of
/// equal nodes. By node id.
pub(super) fn loads_over_fair_share(cluster: &Cluster, owners: &Owners) -> Vec<f64> {
    let mut loads: BTreeMap<NodeId, u64> = cluster.nodes.keys().map(|node| (*node, 0)).collect();
    for owner in owners.values() {
        *loads.entry(*owner).or_default() += 1;
    }
    let weights = || cluster.nodes.values().map(|weight| weight.thousandths());
    let total: f64 = weights().map(f64::from).sum();
    let slots = owners.len() as f64;
    let fair = weights().map(|weight| slots * f64::from(weight) / total);
    loads
        .values()
        .zip(fair)
        .map(|(load, fair)| *load as f64 / fair)
        .collect()
}

/// The fullest, over its fair share; of equal nodes, over their mean.
pub(super) fn fullest(loads: &[f64]) -> f64 {
    loads.iter().copied().fold(f64::NAN, f64::max)
}

/// The coefficient of variation: standard deviation (of all nodes, none being left out) over mean.
pub(super) fn coefficient_of_variation(loads: &[f64]) -> f64 {
    let mean = mean(loads);
    let squares = loads.iter().map(|load| (load - mean).powi(2));
    (squares.sum::<f64>() / loads.len() as f64).sqrt() / mean
}

/// Jain's index (Jain, Chiu and Hawe 1984): the share of the nodes that carry the load, were it shared out
/// evenly among those; 1/N to 1.
pub(super) fn jain_index(loads: &[f64]) -> f64 {
    let sum: f64 = loads.iter().sum();
    let squares: f64 = loads.iter().map(|load| load * load).sum();
    sum * sum / (loads.len() as f64 * squares)
}

fn mean(loads: &[f64]) -> f64 {
    loads.iter().sum::<f64>() / loads.len() as f64
}

/// The share of all slots that share their node with an earlier slot of their service: what goes down
/// together for no need, where there are as many nodes as replicas.
pub(super) fn stacked_share(owners: &Owners) -> f64 {
    let places: BTreeSet<_> = owners
        .iter()
        .map(|((service, _), node)| (service, node))
        .collect();
    (owners.len() - places.len()) as f64 / owners.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenness_is_what_the_textbooks_say() {
        let even = [1.0, 1.0, 1.0, 1.0];
        assert_eq!(fullest(&even), 1.0);
        assert_eq!(coefficient_of_variation(&even), 0.0);
        assert_eq!(jain_index(&even), 1.0);
        let one_has_all = [0.0, 0.0, 0.0, 4.0];
        assert_eq!(fullest(&one_has_all), 4.0);
        assert!((coefficient_of_variation(&one_has_all) - 3_f64.sqrt()).abs() < 1e-12);
        assert_eq!(jain_index(&one_has_all), 0.25);
        // Jain's index is 1 / (1 + CV²), whatever the loads.
        let some = [1.0, 5.0, 2.0, 0.5];
        let by_variation = 1.0 / (1.0 + coefficient_of_variation(&some).powi(2));
        assert!((jain_index(&some) - by_variation).abs() < 1e-12);
    }

    #[test]
    fn a_heavy_node_is_fairly_loaded_when_it_has_more() {
        let weights = ["1", "3"].map(shoal_scheduler::placement::Weight::parse);
        let weights = weights.map(Option::unwrap_or_default);
        let cluster = Cluster::drawn(2, &weights, 8, 8, 1);
        let heavy = |node: &&NodeId| cluster.nodes[node].thousandths() == 3_000;
        let heavy = *cluster.nodes.keys().find(heavy).unwrap();
        let light = *cluster.nodes.keys().find(|node| **node != heavy).unwrap();
        let owner = |(_, number): &(_, u64)| if *number <= 2 { light } else { heavy };
        let owners: Owners = cluster.slots().map(|slot| (slot, owner(&slot))).collect();
        assert_eq!(loads_over_fair_share(&cluster, &owners), [1.0, 1.0]);
        assert_eq!(stacked_share(&owners), 6.0 / 8.0);
    }
}
