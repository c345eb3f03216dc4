//! A cluster in one process, in virtual time: the shipped [`Peer`](shoal_scheduler::peer::Peer)
//! driven by a discrete-event loop. The same seed gives the same run, byte for byte.
//!
//! A run knows `membership` and `scheduler`, and never a socket, a thread or a clock. Many runs, on
//! threads and with their results on the disk, are the business of [`sweep`], [`results`] and [`report`].

pub mod chart;
pub mod checkers;
mod disk;
pub mod fuzz;
mod links;
mod machine;
mod queue;
pub mod report;
pub mod results;
pub mod statistics;
pub mod sweep;
mod world;

pub use disk::Disk;
pub use links::Links;
pub use machine::{Machine, SimTask};
pub use world::{Outcome, Traffic, World};
