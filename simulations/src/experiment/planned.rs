//! A plan as something that sweeps can run.

use crate::{
    plan::{PlanError, PlanText},
    results::{Figure, Point, RunRecord, Value},
    sweep::Experiment,
};

/// A plan with its points.
#[derive(Debug)]
pub struct Planned {
    name: String,
    text: PlanText,
    /// As it was written, with what the command line set.
    written: String,
    points: Vec<(Point, Vec<(String, toml::Value)>)>,
    figures: Vec<Figure>,
}

impl Planned {
    /// A plan, with fields of it set by the command line, and all its points if it is to be swept.
    ///
    /// # Errors
    /// What is wrong with the plan or the settings.
    pub fn new(
        name: &str,
        text: &str,
        settings: &[(String, toml::Value)],
        is_sweep: bool,
    ) -> Result<Self, PlanError> {
        let (mut table, mut plan) = PlanText::parse(text)?;
        let mut written = text.to_owned();
        if !settings.is_empty() {
            plan = table.set(settings)?;
            written = table.text();
        }
        let points = match is_sweep {
            true => plan.sweep.points(),
            false => vec![Vec::new()],
        };
        let points = points
            .into_iter()
            .map(|settings| (point(&settings), settings));
        let points: Vec<_> = points.collect();
        let figures = plan.figures.iter();
        let figures = figures.map(|figure| figure.build(&table, &points));
        Ok(Self {
            name: name.to_owned(),
            figures: figures.collect::<Result<_, _>>()?,
            points,
            text: table,
            written,
        })
    }

    /// About how many bytes of memory the largest of its points needs, and its machines.
    #[must_use]
    pub fn largest(&self) -> (u64, usize) {
        let plans = self
            .points
            .iter()
            .filter_map(|(_, settings)| self.text.with(settings).ok());
        let sizes = plans.map(|plan| (super::memory_estimate(&plan), plan.machines()));
        sizes.max().unwrap_or_default()
    }
}

/// Settings as axes. Units move from the values into the names.
fn point(settings: &[(String, toml::Value)]) -> Point {
    let mut point = Point::default();
    for (key, value) in settings {
        let (name, value) = axis(key, value);
        point = point.with(&name, value);
    }
    point
}

fn axis(key: &str, value: &toml::Value) -> (String, Value) {
    let text = match value {
        toml::Value::Integer(number) => return (key.to_owned(), Value::from(*number as f64)),
        toml::Value::Float(number) => return (key.to_owned(), Value::from(*number)),
        toml::Value::Boolean(on) => return (key.to_owned(), Value::from(*on)),
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if let Ok(time) = text.parse::<crate::plan::units::Time>() {
        return (format!("{key}_s"), Value::from(time.0.as_secs_f64()));
    }
    if let Ok(share) = text.parse::<crate::plan::units::Share>() {
        return (format!("{key}_percent"), Value::from(share.0 * 100.0));
    }
    if let Ok(rate) = text.parse::<crate::plan::units::Rate>() {
        return (format!("{key}_bit_per_s"), Value::from(rate.0 as f64));
    }
    (key.to_owned(), Value::from(text.as_str()))
}

impl Experiment for Planned {
    fn name(&self) -> &str {
        &self.name
    }

    fn plan(&self) -> &str {
        &self.written
    }

    fn points(&self) -> Vec<Point> {
        self.points.iter().map(|(point, _)| point.clone()).collect()
    }

    fn run(&self, point: &Point, seed: u64) -> Result<RunRecord, String> {
        let known = self.points.iter().find(|(known, _)| known == point);
        let (_, settings) = known.ok_or("no such point")?;
        let plan = self
            .text
            .with(settings)
            .map_err(|error| error.to_string())?;
        super::run(&plan, seed)
    }

    fn figures(&self) -> Vec<Figure> {
        self.figures.clone()
    }
}
