//! How fast and how large: virtual seconds per second, and memory, by number of nodes.
//!
//!     cargo bench -p shoal-sim --bench scale -- [--steady SECONDS] NODES...

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bench measures time and prints it"
)]

use std::time::{Duration, Instant};

use shoal_membership::Profile;
use shoal_sim::World;

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let steady = arguments
        .iter()
        .position(|argument| argument == "--steady")
        .and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(60);
    let given: Vec<usize> = arguments
        .iter()
        .enumerate()
        .filter(|(at, _)| *at == 0 || arguments[at - 1] != "--steady")
        .filter_map(|(_, argument)| argument.parse().ok())
        .collect();
    let sizes = if given.is_empty() {
        vec![10, 50, 100]
    } else {
        given
    };
    for nodes in sizes {
        let start = Instant::now();
        let mut world = World::cluster(nodes, Profile::Lan, 1);
        let joined = start.elapsed().as_secs_f64();
        let start = Instant::now();
        world.run_for(Duration::from_secs(steady));
        let took = start.elapsed().as_secs_f64();
        println!(
            "{nodes} nodes: joined in {joined:.1} s; steady {:.1} virtual seconds a second; {} MiB resident",
            steady as f64 / took,
            resident_mib(),
        );
    }
}
