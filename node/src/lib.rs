//! One machine's daemon and its command line.
//!
//! The agent drives a [`shoal_scheduler::peer::Peer`], which decides everything; what is here does
//! the I/O that it asks for: tasks, disk, network, Docker's API, and what people type.

pub mod agent;
pub mod api;
mod architecture;
pub mod balancer;
pub mod cli;
pub mod compose;
pub mod demo;
mod descriptors;
mod entry;
mod log_place;
mod names;
mod resolvers;
pub mod runtime;
pub mod store;
mod vault;

pub use entry::whole;
