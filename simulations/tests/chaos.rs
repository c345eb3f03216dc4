//! Random faults and random orders, then quiet: everything must converge, and nothing that was
//! acknowledged by two disks may be lost.
//!
//! `SHOAL_SEEDS=100..200 cargo test -p shoal-sim --test chaos` runs other seeds.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use shoal_membership::Profile;
use shoal_scheduler::order::{Order, WriteConcern};
use shoal_sim::{Outcome, World};

const NODES: usize = 5;
const STEPS: usize = 40;
const SECOND: Duration = Duration::from_secs(1);

fn seeds() -> Range<u64> {
    let text = std::env::var("SHOAL_SEEDS").unwrap_or_default();
    let parsed = text
        .split_once("..")
        .and_then(|(first, end)| Some(first.parse().ok()?..end.parse().ok()?));
    parsed.unwrap_or(0..6)
}

/// What people were told: the replicas of each service.
type Acknowledged = BTreeMap<String, u64>;

fn spec_json(name: &str, replicas: u64) -> String {
    json!({
        "Name": name,
        "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["serve"]}},
        "Mode": {"Replicated": {"Replicas": replicas}},
    })
    .to_string()
}

/// Orders something of a machine that runs; only what two disks hold counts as acknowledged.
fn order(world: &mut World, rng: &mut ChaCha8Rng, acknowledged: &mut Acknowledged) {
    let running = world.running();
    let index = running[rng.random_range(0..running.len())];
    let name = format!("s{}", rng.random_range(0..6));
    let replicas = rng.random_range(0..6);
    let view = world.machines[index].peer.as_mut().map(|peer| peer.view());
    let known = view.and_then(|view| {
        view.services
            .values()
            .find(|one| one.spec.name == name)
            .map(|one| (one.id, one.version))
    });
    let (order, outcome_replicas) = match known {
        None => (
            Order::CreateService {
                spec_json: spec_json(&name, replicas),
            },
            Some(replicas),
        ),
        Some((service, version)) if rng.random_bool(0.8) => {
            let spec_json = Some(spec_json(&name, replicas));
            (
                Order::UpdateService {
                    service,
                    version,
                    spec_json,
                },
                Some(replicas),
            )
        }
        Some((service, _)) => (Order::RemoveService { service }, None),
    };
    let ticket = world.order_with(index, order, WriteConcern::One);
    // Only what was acknowledged by all who could see it is certain: a write on the other side of a
    // partition may win over this one. So the certain set is kept for calm times alone.
    if let Some(Outcome::Ordered(Ok(receipt))) = world.outcome(index, ticket)
        && receipt.holders >= 2
    {
        match outcome_replicas {
            Some(replicas) => acknowledged.insert(name, replicas),
            None => acknowledged.remove(&name),
        };
    }
}

fn disturb(world: &mut World, rng: &mut ChaCha8Rng) {
    let index = rng.random_range(0..NODES);
    match rng.random_range(0..6) {
        0 if world.running().len() > 2 => world.cut_power(index),
        1 if world.running().len() > 2 => world.kill_agent(index),
        2 => world.freeze(index, SECOND * rng.random_range(1..12)),
        3 => {
            let (left, right): (Vec<usize>, Vec<usize>) =
                (0..NODES).partition(|_| rng.random_bool(0.5));
            world.links.partition(&left, &right);
        }
        4 => world.links.mend(),
        _ => world.links.loss = f64::from(rng.random_range(0..3)) * 0.15,
    }
    for index in 0..NODES {
        if world.machines[index].peer.is_none() && rng.random_bool(0.4) {
            world.boot(index);
        }
    }
}

fn calm_down(world: &mut World) {
    world.links.mend();
    world.links.loss = 0.0;
    for index in 0..NODES {
        if world.machines[index].peer.is_none() {
            world.boot(index);
        }
    }
}

fn run(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut world = World::cluster(NODES, Profile::Lan, seed);
    for _ in 0..STEPS {
        disturb(&mut world, &mut rng);
        order(&mut world, &mut rng, &mut Acknowledged::new());
        world.run_for(Duration::from_millis(rng.random_range(0..8_000)));
    }
    calm_down(&mut world);
    let agreed = world.run_until(SECOND * 120, World::registries_agree);
    assert!(
        agreed,
        "seed {seed}: registries differ 120 s after the last fault"
    );
    let everybody: Vec<usize> = (0..NODES).collect();
    let seen = world.run_until(SECOND * 120, |world| world.all_see(&everybody, &everybody));
    assert!(
        seen,
        "seed {seed}: not all see all 120 s after the last fault"
    );

    // From here on every order is certain, and crashes lose none of them.
    let mut acknowledged = wanted(&mut world);
    for _ in 0..6 {
        order(&mut world, &mut rng, &mut acknowledged);
        let index = rng.random_range(0..NODES);
        world.cut_power(index);
        world.run_for(SECOND * 8);
        world.boot(index);
        world.run_for(SECOND * 12);
    }
    assert!(
        world.run_until(SECOND * 60, World::registries_agree),
        "seed {seed}"
    );
    assert_eq!(
        wanted(&mut world),
        acknowledged,
        "seed {seed}: acknowledged and held differ"
    );
    let settled = world.run_until(SECOND * 300, |world| {
        acknowledged.iter().all(|(name, replicas)| {
            world.runs_exactly(name, usize::try_from(*replicas).unwrap_or(usize::MAX))
        })
    });
    let tasks: Vec<_> = acknowledged
        .iter()
        .map(|(name, n)| (name, n, world.running_tasks(name)))
        .collect();
    assert!(
        settled,
        "seed {seed}: slots do not run exactly once: {tasks:#?}"
    );
}

/// The replicas of each service, as the first machine has them.
fn wanted(world: &mut World) -> Acknowledged {
    let view = world.machines[0].peer.as_mut().expect("it runs").view();
    let services = view.services.values();
    services
        .map(|one| (one.spec.name.clone(), one.spec.mode.slots()))
        .collect()
}

#[test]
fn after_any_faults_everything_converges_and_nothing_acknowledged_is_lost() {
    for seed in seeds() {
        run(seed);
    }
}
