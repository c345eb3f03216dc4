//! From an order until each node holds it, and until all its tasks run.

use std::{collections::BTreeSet, time::Duration};

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
    all_run: Option<Duration>,
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
            let may_be_first = spread.all_run.is_none() && spread.unaware.is_empty();
            if may_be_first && world.runs_exactly(&spread.name, spread.expected) {
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
