//! Plans: experiments as TOML files. What is not said is as shipped, on a quiet local network.
//!
//! A plan is read strictly: an unknown key, a number without its unit or a range that is none is an
//! error with its line. [`PlanText::with`] sets single fields, which is how sweeps vary them.

mod churn;
mod curves;
pub mod epidemics;
mod faults;
mod placement;
mod protocol;
mod sections;
mod sweep;
pub mod theory;
pub mod units;

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;

pub use self::{
    churn::{ChurnPlan, Trace, Turn},
    faults::{Each, FaultKind, FaultPlan, ServicePlan, Which},
    placement::PlacementPlan,
    protocol::Protocol,
    sections::{Cluster, Disks, LatencyPlan, Links, LossPlan, NODES_MAX, RuntimePlan, Start},
    sweep::{Axis, ComparisonPlan, FigurePlan, PointSettings, SweepPlan},
};
use units::Time;

/// The largest plan, in bytes.
pub const PLAN_BYTES_MAX: usize = 1 << 20;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// From the crash of a machine until a node, and until all, take it for dead.
    Detection,
    /// How often a machine that was well was taken for dead.
    FalseRemovals,
    /// From an order until each node holds it, and until all its tasks run.
    Dissemination,
    /// For how long slots had no task, how many tasks were started, and how often a slot had two.
    Availability,
    /// From the end of the last fault until all see one another and hold the same registry.
    Convergence,
    /// Packets and bytes of each node.
    Traffic,
    /// How even loads are at the end, by the tasks that run.
    Balance,
    /// Who gets which slot, and what moves. No cluster runs: see `[placement]`.
    Placement,
}

/// An experiment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What it is, in a line.
    pub title: String,
    /// What question it answers, and where it comes from.
    #[serde(default)]
    pub about: String,
    /// After the cluster has come together, this passes before anything is done or measured. 10 s.
    #[serde(default = "ten_seconds")]
    pub warm_up: Time,
    /// And then it runs for so long: more than 0 s, but in a study of placement, where no time passes.
    #[serde(default)]
    pub duration: Time,
    /// What is measured.
    pub measure: BTreeSet<Measure>,
    /// The cluster.
    pub cluster: Cluster,
    /// Its links.
    #[serde(default)]
    pub links: Links,
    /// Its disks.
    #[serde(default)]
    pub disks: Disks,
    /// Its runtimes.
    #[serde(default)]
    pub runtime: RuntimePlan,
    /// Its protocols.
    #[serde(default)]
    pub protocol: Protocol,
    /// What is deployed.
    #[serde(default)]
    pub services: Vec<ServicePlan>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<FaultPlan>,
    /// Machines that go and come as in a trace.
    #[serde(default)]
    pub churn: ChurnPlan,
    /// A study of placement. It has no network, no time and no faults, so other sections that say something
    /// of those are refused beside it.
    pub placement: Option<PlacementPlan>,
    /// What is varied.
    #[serde(default)]
    pub sweep: SweepPlan,
    /// What is drawn. The report chooses if there is nothing.
    #[serde(default)]
    pub figures: Vec<FigurePlan>,
    /// What is compared on common seeds. Each axis of two values if there is nothing.
    #[serde(default)]
    pub comparisons: Vec<ComparisonPlan>,
}

const fn ten_seconds() -> Time {
    Time(Duration::from_secs(10))
}

/// Why a plan can't be used: one or a few lines, with the line of the plan where there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(String);

impl PlanError {
    fn new(what: impl std::fmt::Display) -> Self {
        Self(what.to_string().trim_end().to_owned())
    }
}

/// A plan's text as a table, in which single fields can be set.
#[derive(Clone, Debug)]
pub struct PlanText {
    table: toml::Table,
}

impl PlanText {
    /// Reads a plan, and what is wrong with it.
    ///
    /// # Errors
    /// With the line.
    pub fn parse(text: &str) -> Result<(Self, Plan), PlanError> {
        if text.len() > PLAN_BYTES_MAX {
            let size = text.len();
            return Err(PlanError::new(format!(
                "the plan has {size} bytes: at most {PLAN_BYTES_MAX}"
            )));
        }
        let plan: Plan = toml::from_str(text).map_err(PlanError::new)?;
        plan.check()?;
        let table = text.parse().map_err(PlanError::new)?;
        let text = Self { table };
        for (place, figure) in plan.figures.iter().enumerate() {
            let wrong = |what| PlanError::new(format!("figures.{place}: {what}"));
            figure.check().map_err(wrong)?;
        }
        for (place, comparison) in plan.comparisons.iter().enumerate() {
            let wrong = |what| PlanError::new(format!("comparisons.{place}: {what}"));
            comparison.check(&plan.sweep).map_err(wrong)?;
        }
        for axis in plan.sweep.axes() {
            for value in &axis.values {
                text.with(&[(axis.key.clone(), value.clone())])?;
            }
        }
        Ok((text, plan))
    }

    /// The plan with these fields set: `cluster.nodes`, `faults.0.lasts`.
    ///
    /// # Errors
    /// A key that the plan does not have, or a value that does not fit it.
    pub fn with(&self, fields: &[(String, toml::Value)]) -> Result<Plan, PlanError> {
        let mut table = self.table.clone();
        for (key, value) in fields {
            set(&mut table, key, value.clone())?;
        }
        let said: Vec<String> = fields
            .iter()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        let wrong = |error: &dyn std::fmt::Display| {
            let what = error.to_string();
            PlanError::new(format!("with {}: {}", said.join(", "), what.trim_end()))
        };
        let plan: Plan = table
            .try_into()
            .map_err(|error: toml::de::Error| wrong(&error))?;
        plan.check().map_err(|error| wrong(&error))?;
        Ok(plan)
    }

    /// Sets fields for good.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn set(&mut self, fields: &[(String, toml::Value)]) -> Result<Plan, PlanError> {
        let plan = self.with(fields)?;
        for (key, value) in fields {
            set(&mut self.table, key, value.clone())?;
        }
        Ok(plan)
    }

    /// The text, in TOML's own order of things.
    #[must_use]
    pub fn text(&self) -> String {
        self.table.to_string()
    }
}

/// Sets a field by its dotted key; numbers are places in lists, from 0.
fn set(table: &mut toml::Table, key: &str, value: toml::Value) -> Result<(), PlanError> {
    let wrong = |what: &str| PlanError::new(format!("{key}: {what}"));
    let mut parts = key.split('.').peekable();
    let mut at: &mut toml::Table = table;
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            at.insert(part.to_owned(), value);
            return Ok(());
        }
        let entry = at
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        at = match entry {
            toml::Value::Table(table) => table,
            toml::Value::Array(list) => {
                let place = parts.next().and_then(|part| part.parse::<usize>().ok());
                let place =
                    place.ok_or_else(|| wrong("after a list comes a place in it, from 0"))?;
                match list.get_mut(place) {
                    Some(toml::Value::Table(table)) => table,
                    _ => return Err(wrong("there is no such place in the list")),
                }
            }
            _ => return Err(wrong("leads into a value that has no fields")),
        };
    }
    Err(wrong("is no key"))
}

impl Plan {
    /// All machines.
    #[must_use]
    pub fn machines(&self) -> usize {
        self.cluster.nodes + self.cluster.outside
    }

    fn check(&self) -> Result<(), PlanError> {
        let machines = self.machines();
        if self.cluster.nodes == 0 || machines > NODES_MAX {
            return Err(PlanError::new(format!(
                "cluster: {machines} machines: 1 to {NODES_MAX}, of them at least one node"
            )));
        }
        if self.measure.is_empty() {
            return Err(PlanError::new("measure: nothing is measured"));
        }
        if self.measure.contains(&Measure::Placement) || self.placement.is_some() {
            return self.study().map(drop).map_err(PlanError::new);
        }
        if self.duration.0.is_zero() {
            return Err(PlanError::new(
                "duration: says for how long the cluster runs; may be neither left out nor 0",
            ));
        }
        self.links.build().map_err(PlanError::new)?;
        self.protocol
            .build(self.cluster.profile, self.cluster.nodes)
            .map_err(PlanError::new)?;
        for (place, fault) in self.faults.iter().enumerate() {
            fault
                .check(machines)
                .map_err(|error| PlanError::new(format!("faults.{place}: {error}")))?;
            if let Some(latency) = &fault.latency {
                latency.build().map_err(PlanError::new)?;
            }
        }
        self.churn.check(machines).map_err(PlanError::new)?;
        let mut names = BTreeSet::new();
        for service in &self.services {
            let name = &service.name;
            let wrong = |what: &str| PlanError::new(format!("service {name:?}: {what}"));
            if !names.insert(name) {
                return Err(wrong("there are two of this name"));
            }
            if service.replicas.is_some() && service.replicas_per_node.is_some() {
                return Err(wrong("has replicas and replicas_per_node: use one of them"));
            }
            let per_node = service.replicas_per_node.unwrap_or(1.0);
            if !(0.0..=1_000.0).contains(&per_node) {
                return Err(wrong("replicas_per_node is 0 to 1,000"));
            }
            if !(1..=self.cluster.nodes).contains(&service.through) {
                return Err(wrong("goes through a machine that is none of the nodes"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
