//! One combination of what is varied: axis names and their values, in the plan's order.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Value;

/// Axes with their values. Names carry their unit (`loss_percent`) and differ from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Point(Vec<(String, Value)>);

impl Point {
    /// A point of these axes.
    #[must_use]
    pub const fn new(axes: Vec<(String, Value)>) -> Self {
        Self(axes)
    }

    /// With one more axis behind the others.
    #[must_use]
    pub fn with(mut self, axis: &str, value: impl Into<Value>) -> Self {
        self.0.push((axis.to_owned(), value.into()));
        self
    }

    /// Axes and values, in order.
    #[must_use]
    pub fn axes(&self) -> &[(String, Value)] {
        &self.0
    }

    /// The value on an axis, if there is such an axis.
    #[must_use]
    pub fn get(&self, axis: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(name, _)| name == axis);
        found.map(|(_, value)| value)
    }

    /// The same point with another value on an axis that it has.
    #[must_use]
    pub fn replaced(&self, axis: &str, value: &Value) -> Self {
        let mut next = self.clone();
        for (name, old) in &mut next.0 {
            if name == axis {
                old.clone_from(value);
            }
        }
        next
    }

    /// The same point without an axis, or without several.
    #[must_use]
    pub fn without(&self, axes: &[&str]) -> Self {
        let left = self.0.iter().filter(|(name, _)| !axes.contains(&&**name));
        Self(left.cloned().collect())
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.0.iter().enumerate() {
            let gap = if place == 0 { "" } else { ", " };
            write!(f, "{gap}{name}={value}")?;
        }
        Ok(())
    }
}
