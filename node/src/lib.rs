//! One machine: the agent, its API, and the command line.

pub mod api;
