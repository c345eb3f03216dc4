//! How fast a death is known, how often a healthy node is removed, and what it costs in packets.
//!
//!     cargo bench -p shoal-membership                     a few minutes of one core
//!     cargo bench -p shoal-membership -- --hours 1000     the budget: no false removal in 1,000 hours, and
//!                                                         nothing else: about two hours of one core
//!
//! All in virtual time, on the network of the tests: nothing here depends on the machine but the
//! time that it takes. The hours are those of independent clusters, `STRETCH` hours each, on all
//! cores; each is told on stderr when it is over. `--skip N` leaves the first N stretches of each
//! case to another run, and `--case N` all cases but one: 1 and 2 are packet loss, 3 and 4 starvation,
//! with the profiles `lan` and `edge`.

#[path = "../tests/cluster/network.rs"]
mod network;

use std::{sync::atomic::AtomicU64, time::Duration};

use network::Cluster;
use shoal_membership::Profile;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn main() {
    let hours = number_after("--hours");
    if hours.is_none() {
        deaths();
    }
    let hours = hours.unwrap_or(10);
    say("stability: members that were reported down while nothing but packets died");
    // One of the four cases of the budget, from 1, or all of them.
    let wanted = number_after("--case");
    let is_wanted = |case| wanted.is_none_or(|wanted| wanted == case);
    for (case, profile) in [(1, Profile::Lan), (2, Profile::Edge)] {
        if is_wanted(case) {
            stability(32, profile, hours);
        }
    }
    say("starvation: one of 32 nodes stopped for 10 s each minute");
    for (case, profile) in [(3, Profile::Lan), (4, Profile::Edge)] {
        if is_wanted(case) {
            starvation(profile, hours);
        }
    }
}

fn number_after(option: &str) -> Option<u64> {
    let mut arguments = std::env::args().skip_while(|argument| argument != option);
    arguments.nth(1).and_then(|number| number.parse().ok())
}

fn skipped() -> u64 {
    number_after("--skip").unwrap_or(0)
}

fn deaths() {
    say("detection: from the death of one node until a node reports it, and until all know");
    detection(5, Profile::Lan, 0.0, 500);
    detection(5, Profile::Lan, 0.2, 500);
    detection(3, Profile::Lan, 0.0, 500);
    detection(2, Profile::Lan, 0.0, 500);
    detection(32, Profile::Lan, 0.2, 100);
    detection(100, Profile::Lan, 0.01, 20);
    detection(5, Profile::Edge, 0.0, 200);
    detection(5, Profile::Edge, 0.2, 200);
}

fn say(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout();
    if writeln!(out, "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Progress. If nobody reads it, there is nobody to tell.
fn note(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn percentile(sorted: &[Duration], hundredths: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (sorted.len() * hundredths / 100).min(last);
    sorted.get(at).map_or(f64::NAN, Duration::as_secs_f64)
}

fn detection(size: usize, profile: Profile, loss: f64, seeds: u64) {
    let (mut first, mut all, mut missed) = (Vec::new(), Vec::new(), 0);
    for seed in 0..seeds {
        let mut cluster = Cluster::joined(size, profile, seed);
        cluster.link.loss = loss;
        cluster.run(seconds(20) + Duration::from_millis(seed * 37 % 3_000));
        cluster.reports.clear();
        let victim = seed as usize % size;
        let died = cluster.now;
        cluster.kill(victim);
        if cluster
            .run_until(seconds(300), Cluster::all_agree)
            .is_none()
        {
            missed += 1;
            continue;
        }
        let mut reports: Vec<_> = cluster
            .downs()
            .filter(|report| report.about == victim)
            .map(|report| report.at - died)
            .collect();
        reports.sort();
        first.extend(reports.first());
        all.extend(reports.last());
    }
    first.sort();
    all.sort();
    say(&format!(
        "  {size:>4} nodes {profile:?} loss {loss:.2}: first p50 {:.2} s p99 {:.2} s; all p50 {:.2} s p99 {:.2} s max {:.2} s; {missed} of {seeds} not within 300 s",
        percentile(&first, 50),
        percentile(&first, 99),
        percentile(&all, 50),
        percentile(&all, 99),
        percentile(&all, 100),
    ));
}

/// So long does one cluster run, in hours, before the next takes its place.
const STRETCH: u64 = 20;

/// What became of some cluster hours.
#[derive(Default)]
struct Outcome {
    removed: usize,
    renewals: usize,
    packets: u64,
    bytes: u64,
    history: u64,
}

impl Outcome {
    fn of(cluster: &Cluster, removed: usize) -> Self {
        Self {
            removed,
            renewals: cluster.renewals,
            packets: cluster.packets,
            bytes: cluster.bytes,
            history: cluster.history.digest(),
        }
    }

    fn and(self, other: &Self) -> Self {
        Self {
            removed: self.removed + other.removed,
            renewals: self.renewals + other.renewals,
            packets: self.packets + other.packets,
            bytes: self.bytes + other.bytes,
            history: self.history.wrapping_add(other.history),
        }
    }
}

fn stability(size: usize, profile: Profile, hours: u64) {
    for (loss, hours) in [(0.2, hours), (0.0, hours.div_ceil(10))] {
        let total = in_stretches(hours, |seed, hours| {
            let mut cluster = Cluster::joined(size, profile, seed);
            cluster.link.loss = loss;
            if profile == Profile::Edge {
                cluster.link.latency_us = 20_000..200_000;
            }
            let mut removed = 0;
            for _ in 0..hours {
                cluster.run(seconds(3_600));
                removed += cluster.downs().count();
                cluster.reports.clear();
            }
            Outcome::of(&cluster, removed)
        });
        report(&total, size, profile, &format!("loss {loss:.2}"), hours);
    }
}

fn starvation(profile: Profile, hours: u64) {
    let (size, starved) = (32, 9);
    let total = in_stretches(hours, |seed, hours| {
        let mut cluster = Cluster::joined(size, profile, seed);
        let mut removed = 0;
        for _ in 0..hours * 60 {
            cluster.pause(starved);
            cluster.run(seconds(10));
            cluster.resume(starved);
            cluster.run(seconds(50));
            removed += cluster
                .downs()
                .filter(|report| report.about != starved)
                .count();
            cluster.reports.clear();
        }
        Outcome::of(&cluster, removed)
    });
    report(&total, size, profile, "starved", hours);
}

/// Shares so many hours out among clusters with seeds of their own, and these among the cores.
fn in_stretches(hours: u64, run: impl Fn(u64, u64) -> Outcome + Sync) -> Outcome {
    let stretches = hours.div_ceil(STRETCH);
    let next = AtomicU64::new(skipped());
    let work = || {
        let mut total = Outcome::default();
        loop {
            let stretch = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if stretch >= stretches {
                return total;
            }
            let length = STRETCH.min(hours - stretch * STRETCH);
            let outcome = run(77 + stretch, length);
            note(&format!(
                "    stretch {stretch}: {length} h, {} removed",
                outcome.removed
            ));
            total = total.and(&outcome);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let totals = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        totals.fold(Outcome::default(), |sum, total| match total {
            Ok(total) => sum.and(&total),
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

fn report(total: &Outcome, size: usize, profile: Profile, what: &str, hours: u64) {
    let hours = hours.saturating_sub(skipped() * STRETCH).max(1);
    let node_seconds = (size as u64 * hours * 3_600) as f64;
    say(&format!(
        "  {size} nodes {profile:?} {what}: {} reports of removal and {} renewals in {hours} cluster hours ({:.1} removals per 1,000); per node and second {:.2} packets, {:.0} bytes; outputs hash {:016x}",
        total.removed,
        total.renewals,
        total.removed as f64 * 1_000.0 / hours as f64,
        total.packets as f64 / node_seconds,
        total.bytes as f64 / node_seconds,
        total.history,
    ));
}
