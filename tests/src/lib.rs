//! Whole clusters of real processes on loopback, as users meet them.
//!
//! A [`Cluster`] is a few agents of the `shoal` binary, each with a folder, a socket and an address
//! of its own, driven through the command line and the API on their sockets; nothing here links the
//! code it tests. Its links may go through relays ([`Links`]) that lose what a test wants lost. What
//! a cluster starts it also ends, by process id, when it is dropped. Waiting is always for a
//! condition, with a deadline ([`within`]); no test sleeps for a time and hopes.

mod binary;
mod cluster;
mod difference;
mod http;
mod lab;
mod load;
mod node;
mod observe;
mod process;
mod relay;
mod room;
mod said;
mod shape;
mod wait;

pub use binary::shoal_binary;
pub use cluster::Cluster;
pub use difference::Differences;
pub use lab::{LAB_IMAGE, Lab};
pub use load::{Failure, Load, get, page};
pub use node::Node;
pub use observe::{Running, Task};
pub use process::{end_all_below, is_alive};
pub use relay::Links;
pub use said::Said;
pub use shape::missing;
pub use wait::{always_for, within};
