//! `[sweep]` and `[[figures]]` of a plan: what is varied, over which seeds, and what is drawn.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{PlanError, PlanText, theory::Theory};
use crate::results::{Figure, Point, Shape};

/// A point of a sweep, and the settings that make it.
pub type PointSettings = (Point, Vec<(String, toml::Value)>);

/// One field that is varied.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its key in the plan, such as `cluster.nodes`.
    pub key: String,
    /// What it is set to, in turn.
    pub values: Vec<toml::Value>,
}

/// `[sweep]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepPlan {
    /// How many seeds, beginning with 0, if the command line does not say. 10.
    pub seeds: Option<u64>,
    /// Lists of values by key: every combination is a point.
    #[serde(default)]
    vary: BTreeMap<String, Vec<toml::Value>>,
}

impl SweepPlan {
    /// What is varied.
    #[must_use]
    pub fn axes(&self) -> Vec<Axis> {
        let lists = self.vary.iter();
        lists
            .filter(|(_, values)| !values.is_empty())
            .map(|(key, values)| Axis {
                key: key.clone(),
                values: values.clone(),
            })
            .collect()
    }

    /// Every combination, each as its settings.
    #[must_use]
    pub fn points(&self) -> Vec<Vec<(String, toml::Value)>> {
        let mut points = vec![Vec::new()];
        for axis in self.axes() {
            let longer = points
                .iter()
                .flat_map(|point: &Vec<(String, toml::Value)>| {
                    axis.values.iter().map(|value| {
                        let mut point = point.clone();
                        point.push((axis.key.clone(), value.clone()));
                        point
                    })
                });
            points = longer.collect();
        }
        points
    }
}

/// `[[figures]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigurePlan {
    /// Above it.
    pub title: Option<String>,
    /// `line`, `dots` or `cdf`.
    pub shape: Shape,
    /// The measure or series.
    pub what: String,
    /// The axis along the bottom; none for a `cdf`.
    pub along: Option<String>,
    /// The axis of which each value has a curve.
    pub curves: Option<String>,
    /// What theory says, by name: dashed, beside what was measured.
    #[serde(default)]
    pub theory: Vec<Theory>,
    /// Whether the bottom is logarithmic.
    #[serde(default)]
    pub log_x: bool,
    /// Whether the left is.
    #[serde(default)]
    pub log_y: bool,
}

/// `[[comparisons]]`: two values of an axis, compared on common seeds, all else being equal.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonPlan {
    /// The key that is varied, such as `placement.algorithm`.
    pub axis: String,
    /// What is taken away from the other.
    pub base: toml::Value,
    /// The other.
    pub other: toml::Value,
}

impl ComparisonPlan {
    /// Whether its values are varied.
    ///
    /// # Errors
    /// What is not.
    pub(super) fn check(&self, sweep: &SweepPlan) -> Result<(), String> {
        let axis = sweep.axes().into_iter().find(|axis| axis.key == self.axis);
        let axis = axis.ok_or_else(|| format!("{} is not varied", self.axis))?;
        let both = [&self.base, &self.other];
        match both.iter().find(|value| !axis.values.contains(value)) {
            Some(value) => Err(format!("{value} is no value of {}", self.axis)),
            None => Ok(()),
        }
    }
}

impl FigurePlan {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// What does not.
    pub(super) fn check(&self) -> Result<(), String> {
        let is_drawn_along = self.shape == Shape::Line && self.along.is_some();
        match self.theory.is_empty() || is_drawn_along {
            true => Ok(()),
            false => Err("theory belongs to a line that says what it is along".to_owned()),
        }
    }

    /// As the report knows it, with what theory says at the points of a sweep.
    ///
    /// # Errors
    /// A closed form that the plan has not what for.
    pub fn build(&self, text: &PlanText, points: &[PointSettings]) -> Result<Figure, PlanError> {
        let plain = Figure::new(self.shape, &self.what, self.along.as_deref());
        let mut figure = Figure {
            title: self.title.clone().unwrap_or(plain.title),
            curves: self.curves.clone(),
            is_x_log: self.log_x,
            is_y_log: self.log_y,
            ..plain
        };
        for form in &self.theory {
            let curves = form.curves(&figure, text, points)?;
            figure.theory.extend(curves);
        }
        Ok(figure)
    }
}
