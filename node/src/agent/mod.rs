//! The agent: one machine's daemon.
//!
//! One task owns the [`Peer`](shoal_scheduler::peer::Peer) and hands it what happens; everything
//! slow (disk, network, runtimes, planning) happens outside that task and comes back as an input.
//! No lock is held across an await, and nothing here decides anything about the cluster.

mod clock;
mod credentials;
mod disk;
mod door;
mod ended;
mod engine;
mod enter;
mod facts;
mod far_log;
mod forecast;
mod life;
mod lines;
mod log_wire;
mod logs;
mod member_book;
mod network_book;
mod owner;
mod patience;
mod planner;
mod recall;
mod run;
mod shutdown;
mod signals;
mod start;
mod streams;
mod task_files;
mod tasks;
mod why;

pub use run::run;
