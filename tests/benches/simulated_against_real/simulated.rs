//! The simulated side: the same cluster, the same things done to it, with this machine's inputs.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use shoal_membership::Profile;
use shoal_scheduler::{order::Order, task::Slot};
use shoal_sim::{World, links::Latency};

use crate::{
    Options, REPLICAS_PER_NODE, SETTLE, WINDOW,
    inputs::{Inputs, Starts},
    quantity::{Quantity, Values},
};

/// As on the real side.
const LIMIT: Duration = Duration::from_secs(60);
const SERVICE: &str = "web";
/// For so long the machines' clocks differ by up to [`SHAKE_PPM`]: enough for the timers of any two to
/// come to stand in any way to each other, as on machines that were started by hand.
const SHAKE: Duration = Duration::from_secs(100);
const SHAKE_PPM: u64 = 10_000;

/// The simulated side, all sizes and seeds.
pub(crate) fn measure(options: &Options, inputs: &Inputs) -> Values {
    let mut values = Values::default();
    for &nodes in &options.nodes {
        for seed in 0..options.seeds {
            let mut run = Run {
                world: world(nodes, seed, inputs),
                nodes,
                seed,
                values: &mut values,
            };
            run.starts(inputs, Starts::Many);
            run.deploy();
            run.idles();
            run.starts(inputs, Starts::Few);
            run.cut();
            run.come_back(inputs);
        }
    }
    values
}

/// A number for this seed, below `below`, with nothing in common with that of another name.
fn lot(seed: u64, name: &str, below: u64) -> u64 {
    let hash = blake3::hash(format!("{name} {seed}").as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(bytes) % below.max(1)
}

fn world(nodes: usize, seed: u64, inputs: &Inputs) -> World {
    let mut world = World::new(nodes, Profile::Lan, seed);
    let latency = inputs.latency();
    world.links.link.latency = Latency::between(*latency.start(), *latency.end());
    for machine in &mut world.machines {
        machine.disk.delay = inputs.order.clone();
    }
    world.dials = true;
    world.found();
    let drift = |at: usize| {
        let ppm = lot(seed, &format!("drift {at}"), 2 * SHAKE_PPM);
        i64::try_from(ppm).unwrap_or(0) - SHAKE_PPM.cast_signed()
    };
    (0..nodes).for_each(|at| world.drift(at, drift(at)));
    world.run_for(SHAKE);
    (0..nodes).for_each(|at| world.drift(at, 0));
    world
}

struct Run<'a> {
    world: World,
    nodes: usize,
    seed: u64,
    values: &'a mut Values,
}

impl Run<'_> {
    /// Lets time pass until something holds, and counts it from `start`.
    fn until(&mut self, quantity: Quantity, start: Duration, holds: impl Fn(&World) -> bool) {
        let came = self.world.run_until(LIMIT, holds);
        match came {
            true => {
                let took = self.world.now() - start;
                self.add(quantity, took.as_secs_f64());
            }
            false => crate::note(&format!(
                "{} nodes, seed {}: {} took over {LIMIT:?}: not counted",
                self.nodes,
                self.seed,
                quantity.words()
            )),
        }
    }

    fn add(&mut self, quantity: Quantity, value: f64) {
        self.values.add(self.nodes, quantity, value);
    }

    /// How long processes take to start from now on.
    fn starts(&mut self, inputs: &Inputs, starts: Starts) {
        if let Some(took) = inputs.starts.get(&(self.nodes, starts)) {
            self.world.runtime.start = took.clone();
        }
    }

    fn deploy(&mut self) {
        let replicas = self.nodes * REPLICAS_PER_NODE;
        let spec = json!({
            "Name": SERVICE,
            "TaskTemplate": {"ContainerSpec": {"Image": "scratch", "Command": ["serve"]}},
            "Mode": {"Replicated": {"Replicas": replicas}},
        });
        let start = self.world.now();
        let spec_json = spec.to_string();
        self.world.order(0, Order::CreateService { spec_json });
        // A machine has a task from the moment at which its agent decides to start it.
        self.until(Quantity::OrderToKnown, start, |world| {
            let tasks = world.machines.iter().map(|machine| machine.tasks.len());
            tasks.sum::<usize>() >= replicas
        });
        self.until(Quantity::OrderToRunning, start, |world| {
            world.runs_exactly(SERVICE, replicas)
        });
    }

    fn idles(&mut self) {
        self.world.run_for(SETTLE);
        let before = self.world.links.wire;
        self.world.run_for(WINDOW);
        let after = self.world.links.wire;
        let node_seconds = self.nodes as f64 * WINDOW.as_secs_f64();
        let each = |before: u64, after: u64| (after - before) as f64 / node_seconds;
        self.add(Quantity::Packets, each(before.packets, after.packets));
        self.add(Quantity::Bytes, each(before.bytes, after.bytes));
    }

    /// Any moment, and any machine but the one that orders go through.
    fn moment(&mut self, name: &str) -> usize {
        let pause = lot(self.seed, &format!("moment of {name}"), 10_000);
        self.world.run_for(Duration::from_millis(pause));
        let others = self.nodes as u64 - 1;
        let victim = 1 + lot(self.seed, name, others);
        usize::try_from(victim).unwrap_or(1)
    }

    fn slots_on(&self, machine: usize) -> BTreeSet<Slot> {
        slots(&self.world, |at| at == machine)
    }

    fn cut(&mut self) {
        let victim = self.moment("cut");
        let lost = self.slots_on(victim);
        let id = self.world.machines[victim].id();
        let start = self.world.now();
        self.world.cut_power(victim);
        let others: Vec<usize> = (0..self.nodes).filter(|at| *at != victim).collect();
        let knows = |world: &World, at: usize| {
            let peer = world.machines[at].peer.as_ref();
            peer.is_some_and(|peer| !peer.sees_alive(&id))
        };
        self.until(Quantity::CutToFirst, start, |world| {
            others.iter().any(|at| knows(world, *at))
        });
        // The slots may run elsewhere before the last has noticed: both are looked for at once.
        let mut replaced = None;
        let mut all = None;
        while (replaced.is_none() || all.is_none()) && self.world.now() < start + LIMIT {
            let now = self.world.now() - start;
            if all.is_none() && others.iter().all(|at| knows(&self.world, *at)) {
                all = Some(now);
            }
            if replaced.is_none() && slots(&self.world, |at| at != victim).is_superset(&lost) {
                replaced = Some(now);
            }
            self.world.next_event(start + LIMIT);
        }
        if let Some(all) = all {
            self.add(Quantity::CutToAll, all.as_secs_f64());
        }
        if let Some(replaced) = replaced.filter(|_| !lost.is_empty()) {
            self.add(Quantity::CutToReplaced, replaced.as_secs_f64());
        }
        self.world.boot(victim);
        self.world
            .run_until(LIMIT, |world| slots(world, |at| at == victim) == lost);
        self.world.run_for(SETTLE);
    }

    fn come_back(&mut self, inputs: &Inputs) {
        let node = self.moment("return");
        let share = self.slots_on(node);
        self.world.leave(node);
        self.world
            .run_until(LIMIT, |world| world.machines[node].peer.is_none());
        self.world.run_until(LIMIT, |world| {
            slots(world, |at| at != node).is_superset(&share)
        });
        self.world.run_for(Duration::from_secs(2));
        let start = self.world.now();
        // The agent's process takes its time before the peer in it lives.
        let (low, high) = (*inputs.agent.start(), *inputs.agent.end());
        let part = lot(self.seed, "agent", 1_000) as f64 / 1_000.0;
        self.world
            .run_for(low + high.saturating_sub(low).mul_f64(part));
        self.world.boot(node);
        if !share.is_empty() {
            self.until(Quantity::ReturnToShare, start, |world| {
                slots(world, |at| at == node).is_superset(&share)
            });
        }
    }
}

/// The slots that run on such machines.
fn slots(world: &World, is_there: impl Fn(usize) -> bool) -> BTreeSet<Slot> {
    let machines = world.machines.iter().enumerate();
    machines
        .filter(|(at, _)| is_there(*at))
        .flat_map(|(_, machine)| machine.tasks.values())
        .filter(|task| task.is_running && task.report.service_name == SERVICE)
        .map(|task| task.report.slot)
        .collect()
}
