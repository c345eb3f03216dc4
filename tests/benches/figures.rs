//! Prints what real processes take: from an order to all tasks started, from a power cut to all
//! replicas running elsewhere, and what an idle agent costs.
//!
//!     cargo build --release && cargo bench -p shoal-tests --bench figures -- [--cuts N] [--idle SECONDS]
//!
//! Bytes on the network are those of the loopback interface, IP and UDP headers included: for a true
//! figure nothing else may use it, as in `unshare -n sh -c 'ip link set lo up; exec ...'`.

#![allow(
    missing_docs,
    clippy::print_stdout,
    reason = "a bench measures time and prints it"
)]

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::json;
use shoal_tests::{Cluster, Running, within};

const NODES: usize = 5;
const REPLICAS: usize = 10;
const SERVICES: usize = 10;
const SOON: Duration = Duration::from_secs(60);

fn main() {
    let cuts = option("--cuts").unwrap_or(10);
    let idle = Duration::from_secs(option("--idle").unwrap_or(60));
    deploying_and_healing(cuts);
    footprint(idle);
}

/// The number after an option; `cargo bench` adds options of its own, which are ignored.
fn option(name: &str) -> Option<u64> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1)?.parse().ok()
}

/// Asks for a service over the API, without waiting for its tasks.
fn order(cluster: &Cluster, name: &str, replicas: usize) {
    let spec = json!({
        "Name": name,
        "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["sleep", "100000"]}},
        "Mode": {"Replicated": {"Replicas": replicas}},
    });
    let answer = cluster[0].request("POST", "/services/create", Some(&spec));
    let is_created = matches!(answer, Ok((201, _)));
    assert!(is_created, "the order was not taken: {answer:?}");
}

/// Waits until a service runs as it should, and gives the time and the tasks.
fn until_runs(cluster: &Cluster, start: Instant, service: &str) -> (Duration, Vec<Running>) {
    let running = within(SOON, "all tasks run", || {
        cluster.runs_once(service, REPLICAS)
    });
    (start.elapsed(), running)
}

fn deploying_and_healing(cuts: u64) {
    let mut cluster = Cluster::of(NODES);
    let (mut deploying, mut healing) = (Vec::new(), Vec::new());
    for cut in 0..cuts {
        let service = format!("web{cut}");
        let start = Instant::now();
        order(&cluster, &service, REPLICAS);
        let (deployed, running) = until_runs(&cluster, start, &service);
        deploying.push(deployed);
        let runs_some = |at: &usize| running.iter().any(|task| task.node == cluster[*at].id());
        let Some(victim) = (1..NODES).find(runs_some) else {
            continue;
        };
        let start = Instant::now();
        cluster[victim].power_cut();
        healing.push(until_runs(&cluster, start, &service).0);
        cluster[0].shoal(&["service", "rm", &service]).ok();
        cluster[victim].start(&[]);
        cluster.all_ready();
    }
    println!("{NODES} agents, a service of {REPLICAS} processes, {cuts} times");
    print_times("order to all processes running", &mut deploying);
    print_times("power cut to all replicas running elsewhere", &mut healing);
}

fn print_times(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_millis();
    println!("  {what}: median {} ms, largest {} ms", at(50), at(100));
}

/// What a process has used so far.
struct Usage {
    resident_kib: u64,
    cpu: Duration,
    written_bytes: u64,
}

impl Usage {
    fn of(pid: i32) -> Self {
        let read =
            |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let number_after = |text: &str, word: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(word));
            let digits = line.and_then(|rest| rest.split_whitespace().next());
            digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
        };
        // The kernel's ticks in `stat` are too coarse for so little.
        let threads = fs::read_dir(format!("/proc/{pid}/task"));
        let ran = threads.into_iter().flatten().flatten().map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            number_after(&text, "")
        });
        Self {
            resident_kib: number_after(&read("status"), "VmRSS:"),
            cpu: Duration::from_nanos(ran.sum()),
            written_bytes: number_after(&read("io"), "write_bytes:"),
        }
    }
}

fn loopback_bytes() -> u64 {
    let table = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let line = table
        .lines()
        .find_map(|line| line.trim().strip_prefix("lo:"));
    let sent = line.and_then(|line| line.split_whitespace().nth(8));
    sent.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

fn footprint(idle: Duration) {
    let cluster = Cluster::of(NODES);
    for number in 0..SERVICES {
        cluster[number % NODES].create(&format!("s{number}"), 1);
    }
    // Connections and caches come to rest first.
    std::thread::sleep(Duration::from_secs(20));
    let usage = || -> Vec<Usage> {
        (0..NODES)
            .filter_map(|at| cluster[at].pid())
            .map(Usage::of)
            .collect()
    };
    let (before, bytes_before) = (usage(), loopback_bytes());
    std::thread::sleep(idle);
    let (after, bytes) = (usage(), loopback_bytes() - bytes_before);
    let seconds = idle.as_secs_f64();
    println!("{NODES} idle agents, {SERVICES} services, {seconds} s");
    for (at, (before, after)) in before.iter().zip(&after).enumerate() {
        let percent = (after.cpu - before.cpu).as_secs_f64() / seconds * 100.0;
        println!(
            "  n{}: {:.1} MiB resident, {percent:.2} % of a core, {} bytes to disk",
            at + 1,
            after.resident_kib as f64 / 1024.0,
            after.written_bytes - before.written_bytes,
        );
    }
    let each = bytes as f64 / seconds / NODES as f64;
    println!("  {each:.0} bytes a second for each node on loopback, headers included");
}
