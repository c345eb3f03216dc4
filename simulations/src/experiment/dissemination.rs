//! From an order until each node holds it, and until all its tasks run.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shoal_scheduler::registry::{Key, kind};

use super::Figures;
use crate::World;

/// One order under way.
#[derive(Debug)]
struct Spread {
    at: Duration,
    key: Key,
    name: String,
    expected: usize,
    unaware: BTreeSet<usize>,
    known: Vec<Duration>,
    /// By machine: how many tasks of it ran when it was last looked at.
    running: BTreeMap<usize, usize>,
    all_run: Option<Duration>,
}

impl Spread {
    fn has_changed(&mut self, world: &World, machine: usize) -> bool {
        let tasks = world.machines[machine].tasks.values();
        let of_it = tasks.filter(|task| task.is_running && task.report.service_name == self.name);
        let count = of_it.count();
        self.running.insert(machine, count).unwrap_or(0) != count
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Dissemination {
    spreads: Vec<Spread>,
}

impl Dissemination {
    /// An order is about to be given.
    pub(super) fn ordered(&mut self, world: &World, name: &str, expected: u64) {
        self.spreads.push(Spread {
            at: world.now(),
            key: Key::of(kind::SERVICE, name),
            name: name.to_owned(),
            expected: usize::try_from(expected).unwrap_or(usize::MAX),
            unaware: world.running().into_iter().collect(),
            known: Vec::new(),
            running: BTreeMap::new(),
            all_run: None,
        });
    }

    pub(super) fn look(&mut self, world: &World, machine: usize) {
        for spread in &mut self.spreads {
            if spread.unaware.contains(&machine) {
                let peer = world.machines[machine].peer.as_ref();
                if peer.is_some_and(|peer| peer.registry().entry(&spread.key).is_some()) {
                    spread.unaware.remove(&machine);
                    spread.known.push(world.now() - spread.at);
                }
            }
            // Only a task that came or went can make a difference.
            if spread.all_run.is_none()
                && spread.has_changed(world, machine)
                && world.runs_exactly(&spread.name, spread.expected)
            {
                spread.all_run = Some(world.now() - spread.at);
            }
        }
    }

    pub(super) fn conclude(&mut self, figures: &mut Figures) {
        let seconds = |time: &Duration| time.as_secs_f64();
        let known: Vec<f64> = self
            .spreads
            .iter()
            .flat_map(|one| &one.known)
            .map(seconds)
            .collect();
        let known_to_all: Vec<f64> = self
            .spreads
            .iter()
            .filter(|spread| spread.unaware.is_empty())
            .filter_map(|spread| spread.known.iter().max())
            .map(seconds)
            .collect();
        let run = self.spreads.iter().filter_map(|spread| spread.all_run);
        let run: Vec<f64> = run.map(|time| time.as_secs_f64()).collect();
        let late = self
            .spreads
            .iter()
            .filter(|spread| !spread.unaware.is_empty());
        figures.measure("orders_not_known_to_all", late.count() as f64);
        figures.series("order_known_s", known);
        figures.series("order_known_to_all_s", known_to_all);
        figures.series("order_runs_s", run);
    }
}
