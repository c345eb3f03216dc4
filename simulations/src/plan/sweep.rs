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
    /// Whether the bottom is logarithmic.
    #[serde(default)]
    pub log_x: bool,
    /// Whether the left is.
    #[serde(default)]
    pub log_y: bool,
    /// Closed forms that are drawn beside it.
    #[serde(default)]
    pub theory: Vec<Theory>,
}

impl FigurePlan {
    /// As the report knows it, with what theory says at the points of a sweep.
    ///
    /// # Errors
    /// A closed form that has no curve along the figure's axis.
    pub fn build(&self, text: &PlanText, points: &[PointSettings]) -> Result<Figure, PlanError> {
        let plain = Figure::new(self.shape, &self.what, self.along.as_deref());
        let along = self.along.as_deref().unwrap_or_default();
        let curves = self.theory.iter();
        let curves = curves.map(|theory| theory.curve(along, text, points));
        Ok(Figure {
            title: self.title.clone().unwrap_or(plain.title),
            curves: self.curves.clone(),
            is_x_log: self.log_x,
            is_y_log: self.log_y,
            theory: curves.collect::<Result<_, _>>()?,
            ..plain
        })
    }
}
