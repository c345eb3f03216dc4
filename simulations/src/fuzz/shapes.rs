//! What a cluster is before anything goes wrong in it.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shoal_membership::Profile;

use super::TOMBSTONE_AGE;
use crate::{World, streams};

/// A cluster of so many machines, some of which may still be outside; behind NATs, with disks that
/// tear, with images and plans that take their time, with tasks that fail.
pub(super) fn world(machines: usize, profile: Profile, seed: u64, rng: &mut ChaCha8Rng) -> World {
    let mut world = World::new(machines, profile, seed);
    let outside = match rng.random_bool(0.3) {
        true => rng.random_range(1..=machines / 3),
        false => 0,
    };
    if rng.random_bool(0.2) {
        put_behind_nats(&mut world, rng);
    }
    if rng.random_bool(0.3) {
        for machine in &mut world.machines {
            machine.disk.torn_share = 0.3;
        }
    }
    for machine in &mut world.machines {
        machine.tombstone_age = Some(TOMBSTONE_AGE);
    }
    world.found_with(machines - outside);
    if rng.random_bool(0.3) {
        let millis = Duration::from_millis;
        world.runtime.start = millis(5)..=millis(rng.random_range(50..2_000));
        world.runtime.pull = millis(500)..=millis(rng.random_range(1_000..30_000));
        world.runtime.stop = millis(0)..=millis(rng.random_range(10..5_000));
    }
    if rng.random_bool(0.2) {
        world.runtime.crash_share = 0.1;
        world.runtime.reject_share = 0.05;
    }
    slow_planning(&mut world, seed);
    world
}

/// Some clusters are so busy, or so large, that others act before a plan is made.
fn slow_planning(world: &mut World, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(streams::planning(seed));
    if rng.random_bool(0.3) {
        for machine in &mut world.machines {
            machine.planning = Duration::from_millis(rng.random_range(1..500));
        }
    }
}

/// Any of the machines but the first, which is the one that all others join by.
fn put_behind_nats(world: &mut World, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..world.machines.len()) {
        let index = rng.random_range(1..world.machines.len());
        world.put_behind_nat(index);
    }
}
