//! What happens on machines.

use shoal_scheduler::{
    peer::{Input, Welcome},
    task::{TaskId, TaskState},
};

/// A kind of event.
#[derive(Debug)]
pub(crate) enum What {
    Wake,
    Arrive(Input),
    /// The first request that is on its way to the disk gets there.
    Disk,
    /// A task runs, or has ended.
    Runtime(TaskId, TaskState),
    /// A newcomer is told that it is admitted.
    Welcome(Box<Welcome>),
    /// Somebody refused to talk, because this machine's key is revoked.
    Refused,
    /// The machine with this number refused to talk, because it does not know this one's key.
    Unknown(usize),
    /// The machine can do something again: the first of what waits there is its next event.
    Turn,
}

/// Something that happens on a machine.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) machine: usize,
    pub(crate) life: u64,
    pub(crate) what: What,
}
