//! A cluster in one process, in virtual time: the shipped [`Peer`](shoal_scheduler::peer::Peer)
//! driven by a discrete-event loop. The same seed gives the same run, byte for byte.
//!
//! A run knows `membership` and `scheduler`, and never a socket, a thread or a clock. Many runs, on
//! threads and with their results on the disk, are the business of [`sweep`], [`results`] and [`report`].

pub mod bugs;
pub mod chart;
pub mod checkers;
mod clock;
mod dials;
mod disk;
mod event;
pub mod experiment;
pub mod fuzz;
pub mod links;
mod machine;
pub mod marks;
mod moment;
pub mod placement;
pub mod plan;
mod queue;
mod reach;
pub mod report;
pub mod results;
mod runtime;
pub mod statistics;
mod streams;
pub mod sweep;
mod world;

pub use clock::{Clock, DRIFT_PPM_MAX};
pub use disk::Disk;
pub use links::Links;
pub use machine::{Machine, Protocol, SimTask};
pub use moment::moment;
pub use runtime::Runtime;
pub use world::{Notice, Outcome, Traffic, World};
