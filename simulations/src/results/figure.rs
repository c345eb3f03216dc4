//! What an experiment wants to be drawn and compared. Kept in the manifest, so that a report can be
//! made anew without the experiment.

use serde::{Deserialize, Serialize};

use super::{Point, Value};

/// How a figure shows its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A measure's means against an axis of numbers, with their intervals.
    Line,
    /// A measure's means for each value of an axis of words, with their intervals.
    Dots,
    /// The empirical distribution of a series' samples.
    Cdf,
}

/// A curve that theory gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What the legend says, such as `model: log2(n)`.
    pub name: String,
    /// In the units of the figure's axes, by rising x. Finite.
    pub points: Vec<(f64, f64)>,
    /// Where it holds, if it does not hold everywhere: these values of the axes that the figure does not show.
    #[serde(default)]
    pub at: Point,
    /// An axis, and its values of which the curve speaks. None: of whatever was measured.
    #[serde(default)]
    pub speaks_of: Option<(String, Vec<Value>)>,
}

impl Curve {
    /// Whether it holds at a point.
    #[must_use]
    pub fn holds_at(&self, point: &Point) -> bool {
        let mut axes = self.at.axes().iter();
        axes.all(|(axis, value)| point.get(axis) == Some(value))
    }

    /// Whether it says what is to be expected there.
    #[must_use]
    pub fn is_about(&self, point: &Point) -> bool {
        let speaks = self.speaks_of.as_ref().is_none_or(|(axis, values)| {
            point.get(axis).is_some_and(|value| values.contains(value))
        });
        self.holds_at(point) && speaks
    }
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Above it.
    pub title: String,
    /// How.
    pub shape: Shape,
    /// The measure, or for a [`Shape::Cdf`] the series.
    pub what: String,
    /// The axis along the bottom. None for a [`Shape::Cdf`].
    pub along: Option<String>,
    /// The axis of which each value has a curve of its own.
    pub curves: Option<String>,
    /// Whether the scale along the bottom is logarithmic. What is not above 0 is left out then.
    pub is_x_log: bool,
    /// The same of the scale at the left.
    pub is_y_log: bool,
    /// What theory says.
    pub theory: Vec<Curve>,
}

impl Figure {
    /// A plain figure of a measure or series, with linear scales.
    #[must_use]
    pub fn new(shape: Shape, what: &str, along: Option<&str>) -> Self {
        let title = match along {
            Some(axis) => format!("{what} by {axis}"),
            None => format!("distribution of {what}"),
        };
        Self {
            title,
            shape,
            what: what.to_owned(),
            along: along.map(str::to_owned),
            curves: None,
            is_x_log: false,
            is_y_log: false,
            theory: Vec::new(),
        }
    }
}

/// Two values of an axis that are compared on common seeds, all else being equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The axis.
    pub axis: String,
    /// What is taken away from the other.
    pub base: Value,
    /// The other.
    pub other: Value,
}
