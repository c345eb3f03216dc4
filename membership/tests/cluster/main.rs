//! Whole clusters of `Membership`s over a simulated network: what SWIM and what we built around it
//! must do together.

mod death;
mod faults;
mod health;
mod join;
mod loss;
#[path = "network.rs"]
mod network;
mod partition;
mod paths;
mod repeat;
mod restart;

use std::time::Duration;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
