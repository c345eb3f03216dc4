//! Who owns what: a pure function that every node computes alike.

mod constraint;

pub use constraint::{BadConstraint, Constraint};
