//! A thousand orders at random nodes, while nodes are killed and come back; then all must agree.
//!
//! `SHOAL_SEED=N` repeats a run's orders.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use shoal_tests::{Cluster, within};

const OPERATIONS: usize = 1_000;
const NODES: usize = 5;
/// Nodes killed at the same time: one write is on two disks, and no disk is lost.
const DEAD_MAX: usize = 2;
const SOON: Duration = Duration::from_secs(60);
/// Nodes that came back get their slots a few at a time: some 30 each, with seconds between.
const MOVED: Duration = Duration::from_secs(180);

/// A small generator (splitmix64): the same seed, the same orders.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64)
            .expect("the test can go on only with it")
    }

    fn of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }
}

/// What a service must be in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    /// Acknowledged with this number of replicas, by this order.
    There { replicas: i64, order: usize },
    /// Its removal was acknowledged.
    Gone,
}

struct Run {
    cluster: Cluster,
    dice: Dice,
    services: BTreeMap<String, Known>,
    labels: BTreeMap<String, String>,
    acknowledged: usize,
    refused: Vec<String>,
}

fn spec(name: &str, replicas: i64, order: usize) -> Value {
    json!({
        "Name": name,
        "Labels": {"order": order.to_string()},
        "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["sleep", "100000"]}},
        "Mode": {"Replicated": {"Replicas": replicas}},
    })
}

impl Run {
    fn new(seed: u64) -> Self {
        Self {
            cluster: Cluster::of(NODES),
            dice: Dice(seed),
            services: BTreeMap::new(),
            labels: BTreeMap::new(),
            acknowledged: 0,
            refused: Vec::new(),
        }
    }

    fn step(&mut self, number: usize) {
        let live = self.cluster.live();
        match self.dice.below(100) {
            0 => self.fault(&live),
            1..=25 => self.create(number, &live),
            26..=75 => self.change(number, &live),
            76..=90 => self.remove(&live),
            _ => self.label(number, &live),
        }
    }

    /// Kills an agent or starts one again.
    fn fault(&mut self, live: &[usize]) {
        let dead: Vec<usize> = (0..NODES).filter(|at| !live.contains(at)).collect();
        let is_full = dead.len() >= DEAD_MAX;
        if is_full || (!dead.is_empty() && self.dice.below(2) == 0) {
            let at = self.dice.of(&dead);
            self.cluster[at].start(&[]);
        } else {
            let at = self.dice.of(live);
            self.cluster[at].kill_agent();
        }
    }

    /// Sends it; whether it was acknowledged. A refusal is an answer, too.
    fn send(&mut self, at: usize, method: &str, path: &str, body: Option<&Value>) -> Option<bool> {
        match self.cluster[at].request(method, path, body) {
            Ok((200..=299, _)) => {
                self.acknowledged += 1;
                Some(true)
            }
            Ok((status, answer)) => {
                self.refused
                    .push(format!("{status} {method} {path}: {answer}"));
                Some(false)
            }
            Err(error) => panic!(
                "{} did not answer {method} {path}: {error}",
                self.cluster[at].name
            ),
        }
    }

    fn create(&mut self, number: usize, live: &[usize]) {
        let at = self.dice.of(live);
        let name = format!("s{number}");
        let replicas = i64::try_from(self.dice.below(3)).expect("the test can go on only with it");
        if self.send(
            at,
            "POST",
            "/services/create",
            Some(&spec(&name, replicas, number)),
        ) == Some(true)
        {
            self.services.insert(
                name,
                Known::There {
                    replicas,
                    order: number,
                },
            );
        }
    }

    /// A service that this node knows as it was acknowledged last.
    fn known_to(&mut self, at: usize) -> Option<(String, Value)> {
        let there = self.services.iter();
        let there = there.filter(|(_, known)| matches!(known, Known::There { .. }));
        let names: Vec<String> = there.map(|(name, _)| name.clone()).collect();
        if names.is_empty() {
            return None;
        }
        let name = self.dice.of(&names);
        let (status, found) = self.cluster[at]
            .request("GET", &format!("/services/{name}"), None)
            .ok()?;
        let order = found.pointer("/Spec/Labels/order").and_then(Value::as_str);
        let order = order.and_then(|text| text.parse::<usize>().ok());
        // A node that has not heard of the last order makes a concurrent one: then either may win.
        let is_current = match self.services.get(&name) {
            Some(Known::There { order: last, .. }) => status == 200 && order == Some(*last),
            _ => false,
        };
        is_current.then_some((name, found))
    }

    fn change(&mut self, number: usize, live: &[usize]) {
        let at = self.dice.of(live);
        let Some((name, found)) = self.known_to(at) else {
            return;
        };
        let id = found["ID"].as_str().unwrap_or_default();
        let version = found["Version"]["Index"].as_u64().unwrap_or_default();
        let replicas = i64::try_from(self.dice.below(4)).expect("the test can go on only with it");
        let path = format!("/services/{id}/update?version={version}");
        if self.send(at, "POST", &path, Some(&spec(&name, replicas, number))) == Some(true) {
            self.services.insert(
                name,
                Known::There {
                    replicas,
                    order: number,
                },
            );
        }
    }

    fn remove(&mut self, live: &[usize]) {
        let at = self.dice.of(live);
        let Some((name, found)) = self.known_to(at) else {
            return;
        };
        let id = found["ID"].as_str().unwrap_or_default().to_owned();
        if self.send(at, "DELETE", &format!("/services/{id}"), None) == Some(true) {
            self.services.insert(name, Known::Gone);
        }
    }

    /// Each label is written once: nothing can be concurrent with it.
    fn label(&mut self, number: usize, live: &[usize]) {
        let at = self.dice.of(live);
        let own = self.cluster[at].id();
        let Ok((200, node)) = self.cluster[at].request("GET", &format!("/nodes/{own}"), None)
        else {
            return;
        };
        let version = node["Version"]["Index"].as_u64().unwrap_or_default();
        let mut spec = node["Spec"].clone();
        spec["Labels"][format!("l{number}")] = json!("yes");
        let path = format!("/nodes/{own}/update?version={version}");
        if self.send(at, "POST", &path, Some(&spec)) == Some(true) {
            self.labels.insert(format!("l{number}"), own);
        }
    }

    /// Everybody returns; then all have all that was acknowledged.
    #[expect(
        clippy::print_stdout,
        reason = "a word on the run, shown when it fails"
    )]
    fn check(mut self) {
        for at in 0..NODES {
            if !self.cluster[at].is_running() {
                self.cluster[at].start(&[]);
            }
        }
        self.cluster.all_ready();
        self.cluster.agree(SOON);
        for at in 0..NODES {
            let services = self.cluster[at]
                .services()
                .expect("the test can go on only with it");
            for (name, known) in &self.services {
                let found = services.get(name);
                let is_right = match known {
                    Known::There { replicas, .. } => found == Some(replicas),
                    Known::Gone => found.is_none(),
                };
                assert!(is_right, "n{}: {name} is {found:?}, not {known:?}", at + 1);
            }
            for (label, id) in &self.labels {
                let node = self.cluster[at]
                    .get(&format!("/nodes/{id}"))
                    .expect("the test can go on only with it");
                assert_eq!(node["Spec"]["Labels"][label], "yes", "n{}: {label}", at + 1);
            }
        }
        let expected: i64 = self
            .services
            .values()
            .map(|known| match known {
                Known::There { replicas, .. } => *replicas,
                Known::Gone => 0,
            })
            .sum();
        within(MOVED, "each slot runs once", || {
            let running = self.cluster.processes();
            let mut slots: Vec<_> = running
                .iter()
                .map(|task| (&task.service, &task.slot))
                .collect();
            slots.dedup();
            let expected = usize::try_from(expected).expect("the test can go on only with it");
            match (running.len() == expected, slots.len() == expected) {
                (true, true) => Ok(()),
                _ => Err(format!(
                    "{} run in {} slots of {expected}",
                    running.len(),
                    slots.len()
                )),
            }
        });
        println!(
            "{} orders acknowledged, {} refused",
            self.acknowledged,
            self.refused.len()
        );
        // Refusals are for what another node has changed meanwhile, not the rule.
        let few = OPERATIONS / 10;
        assert!(self.refused.len() <= few, "{:#?}", self.refused);
        assert!(
            self.acknowledged > OPERATIONS / 2,
            "{} acknowledged",
            self.acknowledged
        );
    }
}

#[test]
fn after_a_thousand_orders_with_kills_all_nodes_hold_all_that_was_acknowledged() {
    let seed = match std::env::var("SHOAL_SEED") {
        Ok(text) => text.parse().expect("SHOAL_SEED is a number"),
        Err(_) => u64::from(std::process::id()),
    };
    println!("to repeat these orders: SHOAL_SEED={seed}");
    let mut run = Run::new(seed);
    for number in 0..OPERATIONS {
        run.step(number);
    }
    run.check();
}
