//! The process runtime with real processes, as an agent drives it.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod adoption;
mod health;
mod lifecycle;
mod limits;
mod logs;
mod machine;
mod refusals;
