//! How fast and how large: virtual seconds per second, events, and memory, by number of nodes.
//!
//!     cargo bench -p shoal-sim --bench scale -- [--steady SECONDS] [--replicas N] [--joined] NODES...
//!
//! The nodes know one another from the start, unless they are to join (`--joined`). After a while
//! in which nothing happens a service is deployed (by default one replica for two nodes; 0: none),
//! and when it runs, nothing happens again. Times are of this process's CPU: others may use the machine.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a bench measures time and prints it"
)]

use std::time::Duration;

use shoal_membership::Profile;
use shoal_scheduler::order::Order;
use shoal_sim::World;

/// A number of `/proc/self/status`, in bytes.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// CPU seconds of this process, in user mode and in the kernel.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(11).take(2);
    let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}

struct Arguments {
    steady: Duration,
    replicas: Option<usize>,
    joined: bool,
    sizes: Vec<usize>,
}

fn arguments() -> Arguments {
    let mut read = Arguments {
        steady: Duration::from_secs(60),
        replicas: None,
        joined: false,
        sizes: Vec::new(),
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut number = || given.next().and_then(|number| number.parse::<usize>().ok());
        match argument.as_str() {
            "--steady" => read.steady = Duration::from_secs(number().unwrap_or(60) as u64),
            "--replicas" => read.replicas = number(),
            "--joined" => read.joined = true,
            size => read.sizes.extend(size.parse::<usize>().ok()),
        }
    }
    if read.sizes.is_empty() {
        read.sizes = vec![10, 100, 1_000];
    }
    read
}

/// Lets time pass, and prints how fast.
fn measure(what: &str, world: &mut World, duration: Duration) {
    let (start, before) = (cpu_seconds(), world.traffic);
    world.run_for(duration);
    let took = (cpu_seconds() - start).max(0.01);
    let events = world.traffic.events - before.events;
    let nodes = world.machines.len() as f64;
    println!(
        "  {what}: {:.2} virtual seconds a second; {:.0} events a second, {:.1} a node and virtual \
         second; {:.0} KiB a node",
        duration.as_secs_f64() / took,
        events as f64 / took,
        events as f64 / nodes / duration.as_secs_f64(),
        resident_bytes() as f64 / nodes / 1024.0,
    );
}

/// Deploys a service, and lets time pass until all of it runs.
fn deploy(world: &mut World, replicas: usize) {
    let (start, begin, before) = (cpu_seconds(), world.now(), world.traffic);
    let spec = format!(
        r#"{{"Name":"web","TaskTemplate":{{"ContainerSpec":{{"Image":"scratch","Command":["serve"]}}}},"Mode":{{"Replicated":{{"Replicas":{replicas}}}}}}}"#
    );
    world.order(0, Order::CreateService { spec_json: spec });
    let limit = begin + Duration::from_secs(120);
    while world.now() < limit && !world.runs_exactly("web", replicas) {
        world.run_for(Duration::from_millis(20));
    }
    println!(
        "  {replicas} replicas deployed in {:?}, which took {:.1} s; {} messages of {} KiB in all",
        world.now() - begin,
        cpu_seconds() - start,
        world.traffic.messages - before.messages,
        (world.traffic.message_bytes - before.message_bytes) / 1024,
    );
}

fn main() {
    let arguments = arguments();
    for nodes in arguments.sizes {
        let start = cpu_seconds();
        let mut world = if arguments.joined {
            World::cluster(nodes, Profile::Lan, 1)
        } else {
            World::prepared(nodes, Profile::Lan, 1)
        };
        println!(
            "{nodes} nodes: prepared in {:.1} s; {} MiB",
            cpu_seconds() - start,
            resident_bytes() >> 20
        );
        measure("steady", &mut world, arguments.steady);
        let replicas = arguments.replicas.unwrap_or(nodes / 2);
        if replicas > 0 {
            deploy(&mut world, replicas);
            measure("settling", &mut world, Duration::from_secs(30));
            measure("steady", &mut world, arguments.steady);
        }
        let everybody: Vec<usize> = (0..nodes).collect();
        let some = &everybody[..nodes.min(10)];
        println!(
            "  {} MiB in all; all see all: {}, registries agree: {}",
            resident_bytes() >> 20,
            world.all_see(some, &everybody),
            world.registries_agree()
        );
    }
}
