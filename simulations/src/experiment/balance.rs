//! How even the loads of the machines that run are, by the tasks that run on them.

use super::Figures;
use crate::World;

/// Measures it as it is now. No number, if nothing runs.
pub(super) fn measure(world: &World, figures: &mut Figures) {
    let running = world.running();
    let tasks = |machine: &usize| {
        let tasks = world.machines[*machine].tasks.values();
        tasks.filter(|task| task.is_running).count()
    };
    let loads: Vec<usize> = running.iter().map(tasks).collect();
    let all: usize = loads.iter().sum();
    let most = loads.iter().max().copied().unwrap_or(0);
    let mean = all as f64 / loads.len() as f64;
    figures.measure("tasks_on_fullest_node", most as f64);
    figures.measure("load_max_over_mean", most as f64 / mean);
}
