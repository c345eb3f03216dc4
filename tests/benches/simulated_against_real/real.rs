//! The real side: release agents on loopback with the process runtime, driven as the tests drive them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use serde_json::json;
use shoal_tests::Cluster;

use crate::{
    Options, REPLICAS_PER_NODE, SETTLE, WINDOW,
    inputs::{self, Inputs, Starts},
    quantity::{Quantity, Values},
    witnesses::{Moment, Stamps, logged, look, now},
};

/// What takes longer went wrong: it is said, and not counted.
const LIMIT: Duration = Duration::from_secs(60);

/// The real side, all sizes one after the other; and what it tells of the machine.
pub(crate) fn measure(options: &Options) -> std::io::Result<(Values, Inputs)> {
    let (mut values, mut starts, mut agents) = (Values::default(), BTreeMap::new(), Vec::new());
    let orders = inputs::lone_orders();
    let loopback = inputs::loopback()?;
    for &nodes in &options.nodes {
        let mut bench = Bench {
            cluster: Cluster::of(nodes),
            nodes,
            values: &mut values,
            starts: &mut starts,
            agents: &mut agents,
        };
        bench.idles(options.runs);
        for run in 0..options.runs {
            bench.repeat(run);
        }
    }
    let inputs = Inputs {
        order: inputs::spread(&orders),
        loopback: inputs::spread(&loopback),
        starts: starts
            .into_iter()
            .map(|(key, took): (_, Vec<f64>)| (key, inputs::spread(&took)))
            .collect(),
        agent: inputs::spread(&agents),
    };
    Ok((values, inputs))
}

struct Bench<'a> {
    cluster: Cluster,
    nodes: usize,
    values: &'a mut Values,
    /// Seconds that tasks' and agents' processes took to start.
    starts: &'a mut BTreeMap<(usize, Starts), Vec<f64>>,
    agents: &'a mut Vec<f64>,
}

impl Bench<'_> {
    /// Packets and bytes of an idle cluster with a service, in as many windows.
    fn idles(&mut self, windows: u64) {
        let service = "idle";
        let stamps = Stamps::new(self.cluster.folder(), service);
        self.deploy(service, &stamps);
        std::thread::sleep(SETTLE);
        for _ in 0..windows {
            let before = loopback_sent();
            std::thread::sleep(WINDOW);
            let after = loopback_sent();
            let each = |before: u64, after: u64| {
                after.saturating_sub(before) as f64 / WINDOW.as_secs_f64() / self.nodes as f64
            };
            let (bytes, packets) = (each(before.0, after.0), each(before.1, after.1));
            self.values.add(self.nodes, Quantity::Bytes, bytes);
            self.values.add(self.nodes, Quantity::Packets, packets);
        }
        self.cluster[0].shoal(&["service", "rm", service]).ok();
    }

    /// A deploy; a power cut; and a node that leaves and comes back.
    fn repeat(&mut self, run: u64) {
        let service = format!("web{run}");
        let stamps = Stamps::new(self.cluster.folder(), &service);
        self.deploy(&service, &stamps);
        std::thread::sleep(Duration::from_millis(1_000 + run * 137 % 500));
        let others = self.nodes - 1;
        let place = |run: u64| 1 + usize::try_from(run).unwrap_or(0) % others;
        self.cut(place(run), &stamps);
        self.cluster.all_ready();
        self.settles(&service);
        self.come_back(place(run + 1), &stamps);
        self.cluster.all_ready();
        self.cluster[0].shoal(&["service", "rm", &service]).ok();
        self.settles("");
    }

    fn add(&mut self, quantity: Quantity, took: Option<f64>) {
        let nodes = self.nodes;
        match took {
            Some(took) => self.values.add(nodes, quantity, took),
            None => crate::note(&format!(
                "{nodes} nodes: {} took over {LIMIT:?}: not counted",
                quantity.words()
            )),
        }
    }

    fn deploy(&mut self, service: &str, stamps: &Stamps) {
        let replicas = self.nodes * REPLICAS_PER_NODE;
        let spec = json!({
            "Name": service,
            "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": stamps.command()}},
            "Mode": {"Replicated": {"Replicas": replicas}},
        });
        let start = now();
        let answer = self.cluster[0].request("POST", "/services/create", Some(&spec));
        if !matches!(answer, Ok((201, _))) {
            crate::note(&format!("the order was not taken: {answer:?}"));
        }
        let running = look(LIMIT, || {
            let all = stamps.since(start);
            let slots: BTreeSet<&String> = all.iter().map(|stamp| &stamp.slot).collect();
            (slots.len() == replicas).then(|| latest(all.iter().map(|stamp| stamp.at)))
        });
        let decided = self.decided(start);
        let acting = decided.values().copied();
        let acting = (decided.len() >= replicas).then(|| latest(acting));
        if service != "idle" {
            self.add(Quantity::OrderToKnown, acting.map(|at| at - start));
            self.add(Quantity::OrderToRunning, running.map(|at| at - start));
        }
        self.note_starts(stamps, start, Starts::Many);
    }

    /// When agents decided to start which tasks, since then.
    fn decided(&self, since: Moment) -> BTreeMap<String, Moment> {
        (0..self.nodes)
            .flat_map(|at| logged(&self.cluster[at], &["starting a task"], since))
            .filter_map(|(at, line)| {
                let (_, rest) = line.split_once("task=")?;
                Some((rest.split_whitespace().next()?.to_owned(), at))
            })
            .collect()
    }

    /// How long each process took from its agent's decision to its first line.
    fn note_starts(&mut self, stamps: &Stamps, since: Moment, starts: Starts) {
        let decided = self.decided(since);
        let stamps = stamps.since(since);
        let took = stamps
            .iter()
            .filter_map(|stamp| Some(stamp.at - decided.get(&stamp.task)?));
        let all = self.starts.entry((self.nodes, starts)).or_default();
        all.extend(took);
    }

    fn cut(&mut self, victim: usize, stamps: &Stamps) {
        let id = self.cluster[victim].id();
        let lost: BTreeSet<String> = slots_on(stamps, &id);
        let start = now();
        self.cluster[victim].power_cut();
        let others: Vec<usize> = (0..self.nodes).filter(|at| *at != victim).collect();
        let noticed = look(LIMIT, || {
            let says = |at: &usize| {
                let said = logged(&self.cluster[*at], &["node is down", &id], start);
                said.first().map(|(at, _)| *at)
            };
            let times = others.iter().map(says).collect::<Option<Vec<Moment>>>();
            if times.is_none() {
                std::thread::sleep(Duration::from_millis(50));
            }
            times
        });
        let first = noticed.as_ref().map(|times| earliest(times));
        let all = noticed.map(|times| latest(times.into_iter()));
        self.add(Quantity::CutToFirst, first.map(|at| at - start));
        self.add(Quantity::CutToAll, all.map(|at| at - start));
        if !lost.is_empty() {
            let replaced = look(LIMIT, || began(stamps, &lost, start, |node| node != id));
            self.add(Quantity::CutToReplaced, replaced.map(|at| at - start));
        }
        self.note_starts(stamps, start, Starts::Few);
        let start = self.start_agent(victim);
        look(LIMIT, || began(stamps, &lost, start, |node| node == id));
    }

    fn come_back(&mut self, node: usize, stamps: &Stamps) {
        let id = self.cluster[node].id();
        let share = slots_on(stamps, &id);
        let start = now();
        self.cluster[node].signal(nix::sys::signal::Signal::SIGINT);
        self.cluster[node].wait_end(LIMIT);
        look(LIMIT, || began(stamps, &share, start, |node| node != id));
        std::thread::sleep(Duration::from_secs(2));
        let start = self.start_agent(node);
        if !share.is_empty() {
            let back = look(LIMIT, || began(stamps, &share, start, |node| node == id));
            self.add(Quantity::ReturnToShare, back.map(|at| at - start));
        }
        self.note_starts(stamps, start, Starts::Few);
    }

    /// When the process was started.
    fn start_agent(&mut self, at: usize) -> Moment {
        let start = now();
        self.cluster[at].launch(&[]);
        let started = look(LIMIT, || {
            logged(&self.cluster[at], &["agent started"], start).pop()
        });
        self.agents.extend(started.map(|(at, _)| at - start));
        start
    }

    /// Waits until a service runs once a slot, and nothing else does.
    fn settles(&self, service: &str) {
        let wanted = match service {
            "" => 0,
            _ => self.nodes * REPLICAS_PER_NODE,
        };
        let settled = look(LIMIT, || {
            std::thread::sleep(Duration::from_millis(200));
            (self.cluster.processes().len() == wanted).then_some(())
        });
        if settled.is_none() {
            crate::note(&format!("{service}: other than {wanted} processes run"));
        }
    }
}

/// The slots whose last process began there.
fn slots_on(stamps: &Stamps, node: &str) -> BTreeSet<String> {
    let places = stamps.places().into_iter();
    places
        .filter(|(_, at)| at == node)
        .map(|(slot, _)| slot)
        .collect()
}

/// When all of these slots had begun on such nodes, each counted when it first did.
fn began(
    stamps: &Stamps,
    slots: &BTreeSet<String>,
    since: Moment,
    is_there: impl Fn(&str) -> bool,
) -> Option<Moment> {
    let mut first: BTreeMap<String, Moment> = BTreeMap::new();
    for stamp in stamps.since(since) {
        if is_there(&stamp.node) && slots.contains(&stamp.slot) {
            first.entry(stamp.slot).or_insert(stamp.at);
        }
    }
    (first.len() == slots.len()).then(|| latest(first.into_values()))
}

fn latest(times: impl Iterator<Item = Moment>) -> Moment {
    times.fold(f64::NEG_INFINITY, f64::max)
}

fn earliest(times: &[Moment]) -> Moment {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Bytes and packets that loopback has sent so far, whoever sent them.
pub(crate) fn loopback_sent() -> (u64, u64) {
    let table = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let lines = table.lines();
    let mut found = lines.filter_map(|line| line.trim().strip_prefix("lo:"));
    let line = found.next().unwrap_or_default();
    let number = |place: usize| {
        let word = line.split_whitespace().nth(place);
        word.and_then(|word| word.parse().ok()).unwrap_or(0)
    };
    (number(8), number(9))
}
