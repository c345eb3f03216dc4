//! The cluster of a plan, before anything is done to it.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::SplitMix64;

use crate::{
    World,
    plan::{Plan, Start},
    streams,
};

/// Makes it.
///
/// # Errors
/// If its members did not find one another.
pub(super) fn world(plan: &Plan, seed: u64) -> Result<World, String> {
    let cluster = plan.cluster;
    let mut world = World::new(plan.machines(), cluster.profile, seed);
    world.protocol = plan.protocol.build(cluster.profile, cluster.nodes)?;
    world.links.link = plan.links.build()?;
    world.runtime = plan.runtime.build();
    let mut rng = SplitMix64::seed_from_u64(streams::setting(seed));
    for index in 0..plan.machines() {
        let disk = &mut world.machines[index].disk;
        if let Some(delay) = &plan.disks.delay {
            disk.delay = delay.0.clone();
        }
        disk.torn_share = plan.disks.torn.0;
        let drift = cluster.clock_drift.0.abs();
        // Drawn in any case, so that one machine's lot does not depend on what another's is.
        let (lot, ppm) = (rng.random::<f64>(), rng.random_range(-drift..=drift));
        if index > 0 && lot < cluster.behind_nat.0 {
            world.put_behind_nat(index);
        }
        world.drift(index, ppm);
    }
    match cluster.start {
        Start::Prepared => world.prepare(cluster.nodes),
        Start::Joined => world.found_with(cluster.nodes),
    }
    let members: Vec<usize> = (0..cluster.nodes).collect();
    match world.all_see(&members, &members) {
        true => Ok(world),
        false => Err("the members did not find one another within a minute".to_owned()),
    }
}
