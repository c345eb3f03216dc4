//! For how long slots were without a task, how often there were two, and how many tasks were started.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shoal_scheduler::task::{Slot, TaskId};

use super::Figures;
use crate::{World, plan::Plan};

/// How the slots of a service stand.
#[derive(Debug)]
struct Service {
    expected: u64,
    copies: BTreeMap<Slot, usize>,
    /// Slots that have a task now, and since when the number of those without has not changed.
    counted_at: Duration,
    /// Slot seconds without a task, since all slots ran first.
    missing_s: f64,
    has_run: bool,
    copies_max: usize,
    started: u64,
}

/// All services.
#[derive(Debug)]
pub(super) struct Availability {
    is_wanted: bool,
    services: BTreeMap<String, Service>,
    running: BTreeMap<usize, BTreeSet<TaskId>>,
    begin: Duration,
}

impl Availability {
    pub(super) fn new(plan: &Plan, now: Duration) -> Self {
        Self {
            is_wanted: plan.measure.contains(&crate::plan::Measure::Availability),
            services: BTreeMap::new(),
            running: BTreeMap::new(),
            begin: now,
        }
    }

    /// An order is about to be given.
    pub(super) fn ordered(&mut self, name: &str, expected: u64) {
        let service = Service {
            expected,
            copies: BTreeMap::new(),
            counted_at: self.begin,
            missing_s: 0.0,
            has_run: false,
            copies_max: 0,
            started: 0,
        };
        self.services.insert(name.to_owned(), service);
    }

    pub(super) fn look(&mut self, world: &World, machine: usize) {
        if !self.is_wanted {
            return;
        }
        let tasks = &world.machines[machine].tasks;
        let now: BTreeSet<TaskId> = tasks
            .iter()
            .filter(|(_, task)| task.is_running)
            .map(|(id, _)| *id)
            .collect();
        let before = self.running.entry(machine).or_default();
        if *before == now {
            return;
        }
        let changes: Vec<(TaskId, bool)> = now
            .difference(before)
            .map(|id| (*id, true))
            .chain(before.difference(&now).map(|id| (*id, false)))
            .collect();
        *before = now;
        for (id, runs) in changes {
            let Some(task) = tasks.get(&id) else { continue };
            if let Some(service) = self.services.get_mut(&task.report.service_name) {
                service.change(task.report.slot, runs, world.now());
            }
        }
    }

    pub(super) fn conclude(&mut self, now: Duration, figures: &mut Figures) {
        let services = self.services.values_mut();
        let (mut missing, mut started, mut expected, mut most) = (0.0, 0, 0, 0);
        for service in services {
            service.pass(now);
            missing += service.missing_s;
            started += service.started;
            expected += service.expected;
            most = most.max(service.copies_max);
        }
        figures.measure("slot_seconds_without_task_s", missing);
        figures.measure("tasks_started", started as f64);
        figures.measure(
            "tasks_started_per_slot",
            started as f64 / expected.max(1) as f64,
        );
        figures.measure("copies_max", most as f64);
    }
}

impl Service {
    /// Counts the time since the last change.
    fn pass(&mut self, now: Duration) {
        let running = self.copies.values().filter(|copies| **copies > 0).count() as u64;
        let missing = self.expected.saturating_sub(running);
        if self.has_run {
            let passed = now.saturating_sub(self.counted_at).as_secs_f64();
            self.missing_s += missing as f64 * passed;
        }
        self.has_run |= missing == 0;
        self.counted_at = now;
    }

    fn change(&mut self, slot: Slot, runs: bool, now: Duration) {
        self.pass(now);
        let copies = self.copies.entry(slot).or_default();
        match runs {
            true => {
                *copies += 1;
                self.started += 1;
            }
            false => *copies = copies.saturating_sub(1),
        }
        self.copies_max = self.copies_max.max(*copies);
        // A first moment with all slots counts from now.
        let running = self.copies.values().filter(|copies| **copies > 0).count() as u64;
        self.has_run |= running >= self.expected;
    }
}
