//! Prints how long a cluster takes, in virtual time, from a power cut to all replicas running
//! elsewhere, and from an order to all tasks started, over independent seeds.
//!
//!     cargo bench -p shoal-sim --bench healing -- [--seeds N]

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bench measures time and prints it"
)]

use std::time::Duration;

use serde_json::json;
use shoal_membership::Profile;
use shoal_scheduler::order::Order;
use shoal_sim::{Outcome, World};

const NODES: usize = 5;
const REPLICAS: usize = 10;

fn main() {
    let seeds = option("--seeds").unwrap_or(200);
    for (profile, name) in [(Profile::Lan, "lan"), (Profile::Edge, "edge")] {
        let mut healing = Vec::new();
        let mut deploying = Vec::new();
        for seed in 0..seeds {
            let (deployed, healed) = run(profile, seed);
            deploying.push(deployed);
            healing.push(healed);
        }
        println!("{NODES} nodes, {REPLICAS} replicas, profile {name}, {seeds} seeds, virtual time");
        print_line("order to all tasks started", &mut deploying);
        print_line("power cut to all replicas running elsewhere", &mut healing);
    }
}

/// The number after an option; `cargo bench` adds options of its own, which are ignored.
fn option(name: &str) -> Option<u64> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1)?.parse().ok()
}

fn run(profile: Profile, seed: u64) -> (Duration, Duration) {
    let limit = Duration::from_secs(120);
    let mut world = World::cluster(NODES, profile, seed);
    world.runtime.start = Duration::ZERO..=Duration::ZERO;
    world.run_for(Duration::from_millis(10_000 + seed * 37));
    let spec = json!({
        "Name": "web",
        "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["serve"]}},
        "Mode": {"Replicated": {"Replicas": REPLICAS}},
    });
    let start = world.now();
    let ticket = world.order(
        0,
        Order::CreateService {
            spec_json: spec.to_string(),
        },
    );
    world.run_until(limit, |world| world.runs_exactly("web", REPLICAS));
    let deployed = world.now() - start;
    match world.outcome(0, ticket) {
        Some(Outcome::Ordered(Ok(_))) => {}
        other => println!("seed {seed}: the order ended with {other:?}"),
    }
    world.run_for(Duration::from_millis(20_000 + seed * 53));
    let victim = usize::try_from(seed).unwrap_or(0) % NODES;
    let start = world.now();
    world.cut_power(victim);
    if !world.run_until(limit, |world| world.runs_exactly("web", REPLICAS)) {
        println!("seed {seed}: not healed after {limit:?}");
    }
    (deployed, world.now() - start)
}

fn print_line(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_millis();
    println!(
        "  {what}: median {} ms, p99 {} ms, max {} ms",
        at(50),
        at(99),
        at(100)
    );
}
