//! Constraints in Swarm's grammar.

/// A constraint.
#[derive(Clone, Debug)]
pub struct Constraint;

/// A text that is no constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one operator from ==, !=")]
pub struct BadConstraint;

impl Constraint {
    /// Reads `key==value` or `key!=value`.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(_text: &str) -> Result<Self, BadConstraint> {
        Ok(Self)
    }
}
