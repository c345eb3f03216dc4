//! The cluster of a plan, before anything is done to it.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::SplitMix64;

use crate::{
    DRIFT_PPM_MAX, World,
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
    world.dials = true;
    world.runtime = plan.runtime.build();
    for (index, lot) in lots(plan, seed).into_iter().enumerate() {
        let disk = &mut world.machines[index].disk;
        if let Some(delay) = &plan.disks.delay {
            disk.delay = delay.0.clone();
        }
        disk.torn_share = plan.disks.torn.0;
        if let Some(planning) = cluster.planning {
            world.machines[index].planning = planning.0;
        }
        if index > 0 && lot.nat < cluster.behind_nat.0 {
            world.put_behind_nat(index);
        }
        world.drift(index, lot.drift_ppm);
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

/// What falls to a machine.
struct Lot {
    nat: f64,
    drift_ppm: i64,
}

fn lots(plan: &Plan, seed: u64) -> Vec<Lot> {
    let mut rng = SplitMix64::seed_from_u64(streams::setting(seed));
    let drift = plan.cluster.clock_drift.0.abs();
    // Both drawn in any case, so that one machine's lot does not depend on what another's is.
    let mut lot = |_| Lot {
        nat: rng.random::<f64>(),
        drift_ppm: rng.random_range(-drift..=drift),
    };
    (0..plan.machines()).map(&mut lot).collect()
}

/// Lets the warm-up pass. A cluster that was just made probes in step: all began within a moment. Ones that
/// have been running for long don't, so meanwhile the clocks are slow or fast enough for each machine to
/// come to stand anywhere in a probe period, as far as a tenth of the warm-up can do that.
pub(super) fn warm_up(world: &mut World, plan: &Plan, seed: u64) {
    let swim = world.protocol.swim.as_ref();
    let half = swim.map_or(0.0, |swim| swim.probe_period.as_secs_f64() / 2.0);
    let share = half / plan.warm_up.0.as_secs_f64().max(1e-3);
    let most = ((share * 1e6) as i64).min(DRIFT_PPM_MAX);
    let mut rng = SplitMix64::seed_from_u64(streams::beats(seed));
    for index in 0..plan.machines() {
        world.drift(index, rng.random_range(-most..=most));
    }
    world.run_for(plan.warm_up.0);
    for (index, lot) in lots(plan, seed).iter().enumerate() {
        world.drift(index, lot.drift_ppm);
    }
}
