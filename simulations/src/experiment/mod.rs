//! Runs a plan: the cluster is made, warms up, things are done to it, and what comes of it is measured.

mod actions;
mod agreement;
mod availability;
mod balance;
mod detection;
mod dissemination;
mod planned;
mod setting;
mod timeline;

use std::time::Duration;

pub use self::planned::Planned;
use self::{
    agreement::Agreement, availability::Availability, detection::Detection,
    dissemination::Dissemination, timeline::Timeline,
};
use crate::{
    World,
    plan::{Measure, Plan},
    results::RunRecord,
};

/// About how many bytes of memory a run of this plan needs: each node knows each, and each task.
/// Measured with `cargo bench -p shoal-sim --bench scale`, rounded up.
#[must_use]
pub fn memory_estimate(plan: &Plan) -> u64 {
    if let Some(placement) = &plan.placement {
        return placement.memory_estimate(plan.cluster.nodes);
    }
    let machines = plan.machines() as u64;
    let tasks: u64 = plan
        .services
        .iter()
        .map(|service| service.tasks(plan.cluster.nodes))
        .sum();
    machines * NODE_BYTES
        + machines * machines * MEMBER_BYTES
        + machines.saturating_mul(tasks).saturating_mul(TASK_BYTES)
}

/// What a node needs by itself.
const NODE_BYTES: u64 = 200 << 10;
/// What a node holds of another that is not shared with all.
const MEMBER_BYTES: u64 = 60;
/// And of a task.
const TASK_BYTES: u64 = 4_000;

/// What a run measured so far, by name.
#[derive(Debug, Default)]
struct Figures {
    measures: Vec<(String, f64)>,
    samples: Vec<(String, Vec<f64>)>,
}

impl Figures {
    fn measure(&mut self, name: &str, value: f64) {
        self.measures.push((name.to_owned(), value));
    }

    /// A series, and its mean as a measure.
    fn series(&mut self, name: &str, values: Vec<f64>) {
        let mean = match values.is_empty() {
            true => f64::NAN,
            false => values.iter().sum::<f64>() / values.len() as f64,
        };
        self.measure(&format!("{name}_mean"), mean);
        self.samples.push((name.to_owned(), values));
    }
}

/// Runs a plan once.
///
/// # Errors
/// If the cluster did not come together.
pub fn run(plan: &Plan, seed: u64) -> Result<RunRecord, String> {
    if plan.placement.is_some() {
        return Ok(plan.study()?.run(seed));
    }
    let mut world = setting::world(plan, seed)?;
    setting::warm_up(&mut world, plan, seed);
    let begin = world.now();
    world.traffic = crate::Traffic::default();
    world.links.wire = crate::links::Wire::default();
    world.notices.clear();
    world.takes_notes = true;
    let mut timeline = Timeline::new(plan, seed, begin);
    let mut watch = Watch::new(plan, &world);
    let end = begin + plan.duration.0;
    let mut agreement = Agreement::new(plan);
    while world.now() < end {
        let next = timeline.next_at().map_or(end, |at| at.min(end));
        let next = agreement
            .next_look(world.now())
            .map_or(next, |at| at.min(next));
        watch.pass(&mut world, next);
        agreement.look(&world, timeline.last_change());
        if world.now() < end {
            timeline.act(&mut world, &mut watch);
        }
    }
    let (traffic, wire) = (world.traffic, world.links.wire);
    let mut figures = Figures::default();
    agreement.conclude(timeline.last_change(), &mut figures);
    watch.conclude(&world, &mut figures, plan);
    if plan.measure.contains(&Measure::Traffic) {
        let node_seconds = plan.machines() as f64 * plan.duration.0.as_secs_f64();
        let bytes = traffic.datagram_bytes + traffic.message_bytes;
        let messages = traffic.datagrams + traffic.messages;
        figures.measure("messages_per_node_and_s", messages as f64 / node_seconds);
        figures.measure("bytes_per_node_and_s", bytes as f64 / node_seconds);
        let packets = wire.packets as f64 / node_seconds;
        figures.measure("wire_packets_per_node_and_s", packets);
        let bytes = wire.bytes as f64 / node_seconds;
        figures.measure("wire_bytes_per_node_and_s", bytes);
    }
    Ok(RunRecord {
        measures: figures.measures,
        samples: figures.samples,
        trace: world.trace,
        virtual_s: world.now().as_secs_f64(),
        events: traffic.events,
    })
}

/// Everything that looks on.
#[derive(Debug)]
struct Watch {
    detection: Detection,
    dissemination: Dissemination,
    availability: Availability,
}

impl Watch {
    fn new(plan: &Plan, world: &World) -> Self {
        Self {
            detection: Detection::default(),
            dissemination: Dissemination::default(),
            availability: Availability::new(plan, world.now()),
        }
    }

    /// Lets time pass, and looks after every event.
    fn pass(&mut self, world: &mut World, until: Duration) {
        while let Some(machine) = world.next_event(until) {
            for notice in std::mem::take(&mut world.notices) {
                self.detection.noticed(world, notice);
            }
            self.dissemination.look(world, machine);
            self.availability.look(world, machine);
        }
    }

    fn conclude(&mut self, world: &World, figures: &mut Figures, plan: &Plan) {
        if plan.measure.contains(&Measure::Detection) {
            self.detection.detections(figures);
        }
        if plan.measure.contains(&Measure::FalseRemovals) {
            let hours = plan.machines() as f64 * plan.duration.0.as_secs_f64() / 3_600.0;
            self.detection.false_removals(figures, hours);
        }
        if plan.measure.contains(&Measure::Dissemination) {
            self.dissemination.conclude(figures);
        }
        if plan.measure.contains(&Measure::Availability) {
            self.availability.conclude(world.now(), figures);
        }
        if plan.measure.contains(&Measure::Balance) {
            balance::measure(world, figures);
        }
    }
}

#[cfg(test)]
mod tests;
