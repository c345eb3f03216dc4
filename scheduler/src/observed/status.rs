//! What a node says of itself besides its tasks.

use std::time::Duration;

use crate::{
    spec::Protocol,
    task::{ServiceId, Slot},
};

/// Whether a node means to stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum Phase {
    /// It does.
    #[default]
    Here,
    /// It stopped for an upgrade, its tasks go on, and it will be back within seconds.
    Away,
    /// It leaves, and stops its tasks when others run them.
    Leaving,
}

/// How a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Status {
    /// Whether it means to stay.
    pub phase: Phase,
    /// When its agent started (its wall time since 1970).
    pub started_at: Duration,
}

/// A slot that a node can't run. It stands until the node withdraws it.
#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Refusal {
    /// Of this service.
    pub service: ServiceId,
    /// This slot.
    pub slot: Slot,
    /// Of this template (`ServiceSpec::template_hash`); of another one it says nothing.
    pub template: u64,
    /// Why.
    pub reason: String,
}

/// Most ports that a node tells of.
pub const PORTS_MAX: usize = 64;

/// A published port on which a node can't listen. It stands until the node can.
#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct PortTrouble {
    /// The port.
    pub port: u16,
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// Why, for people.
    pub words: String,
}
