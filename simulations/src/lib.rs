//! A cluster in one process, in virtual time: the shipped [`Peer`](shoal_scheduler::peer::Peer)
//! driven by a discrete-event loop. The same seed gives the same run, byte for byte.
//!
//! It knows `membership` and `scheduler`, and never a socket, a thread or a clock.

pub mod bugs;
pub mod checkers;
mod disk;
pub mod fuzz;
mod links;
mod machine;
mod queue;
mod world;

pub use disk::Disk;
pub use links::Links;
pub use machine::{Machine, SimTask};
pub use world::{Outcome, Traffic, World};
