//! How fast the dead are known to be dead, and how often the living are taken for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::Figures;
use crate::{Notice, World, plan::FaultKind};

/// What is said of a machine this long after it is well again still comes from when it was not.
const AFTERMATH: Duration = Duration::from_secs(30);

/// One machine that died.
#[derive(Debug)]
struct Death {
    at: Duration,
    /// Who ran then, and has not noticed yet.
    unaware: BTreeSet<usize>,
    noticed: Vec<Duration>,
}

/// All deaths, and all errors.
#[derive(Debug, Default)]
pub(super) struct Detection {
    deaths: BTreeMap<usize, Death>,
    over: Vec<Death>,
    /// Machines of which anything may be said; and until when.
    unwell: BTreeMap<usize, Option<Duration>>,
    false_removals: u64,
}

impl Detection {
    /// Something is being done to a machine. What keeps it from answering excuses those who take it for
    /// dead, and what it takes others for; a full disk, a wrong clock, a move or a join excuse nobody.
    pub(super) fn is_unwell(&mut self, world: &World, machine: usize, kind: FaultKind) {
        use FaultKind as Kind;
        match kind {
            Kind::Join
            | Kind::Move
            | Kind::FullDisk
            | Kind::Damage
            | Kind::ClockJump
            | Kind::Links
            | Kind::MachineLinks => return,
            _ => self.unwell.insert(machine, None),
        };
        let dies = matches!(kind, FaultKind::Crash | FaultKind::Kill | FaultKind::Wipe);
        if !dies || world.machines[machine].peer.is_none() {
            return;
        }
        let unaware: BTreeSet<usize> = world
            .running()
            .into_iter()
            .filter(|one| *one != machine)
            .collect();
        for death in self.deaths.values_mut() {
            death.unaware.remove(&machine);
        }
        let death = Death {
            at: world.now(),
            unaware,
            noticed: Vec::new(),
        };
        self.over.extend(self.deaths.insert(machine, death));
    }

    /// These hear only one another from now on.
    pub(super) fn are_apart(&mut self, machines: &[usize]) {
        self.unwell
            .extend(machines.iter().map(|machine| (*machine, None)));
    }

    /// What was done to a machine is over.
    pub(super) fn is_well(&mut self, world: &World, machine: usize) {
        if let Some(until) = self.unwell.get_mut(&machine) {
            *until = Some(world.now() + AFTERMATH);
        }
        self.over.extend(self.deaths.remove(&machine));
    }

    pub(super) fn noticed(&mut self, world: &World, notice: Notice) {
        if notice.is_alive {
            return;
        }
        if let Some(death) = self.deaths.get_mut(&notice.about) {
            if death.unaware.remove(&notice.by) {
                death.noticed.push(notice.at - death.at);
            }
            return;
        }
        let is_excused = |machine: &usize| match self.unwell.get(machine) {
            Some(None) => true,
            Some(Some(until)) => world.now() < *until,
            None => false,
        };
        // Those who can't hear are right, as far as they can tell.
        let is_running = world.machines[notice.about].peer.is_some();
        if is_running && !is_excused(&notice.about) && !is_excused(&notice.by) {
            self.false_removals += 1;
        }
    }

    /// Times from each death.
    pub(super) fn detections(&mut self, figures: &mut Figures) {
        self.over
            .extend(std::mem::take(&mut self.deaths).into_values());
        let seconds = |time: &Duration| time.as_secs_f64();
        let first = self
            .over
            .iter()
            .filter_map(|death| death.noticed.iter().min());
        let first: Vec<f64> = first.map(seconds).collect();
        let known_to_all = self.over.iter().filter(|death| death.unaware.is_empty());
        let all = known_to_all.filter_map(|death| death.noticed.iter().max());
        let all: Vec<f64> = all.map(seconds).collect();
        let unnoticed = self.over.iter().filter(|death| !death.unaware.is_empty());
        figures.measure("deaths", self.over.len() as f64);
        figures.measure("deaths_not_known_to_all", unnoticed.count() as f64);
        figures.series("first_detected_s", first);
        figures.series("all_detected_s", all);
    }

    /// Errors, by hours of nodes.
    pub(super) fn false_removals(&self, figures: &mut Figures, node_hours: f64) {
        figures.measure("false_removals", self.false_removals as f64);
        let rate = self.false_removals as f64 / node_hours;
        figures.measure("false_removals_per_node_hour", rate);
    }
}
