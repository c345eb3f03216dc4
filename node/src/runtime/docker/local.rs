//! The networks of this engine, as everybody here sees them.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

use ipnet::Ipv4Net;
use shoal_scheduler::task::{NetworkId, TaskId};

use super::{ranges::Range, ranges6::Range6};

/// A network on this engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalNetwork {
    /// Which.
    pub id: NetworkId,
    /// Its name on the engine.
    pub name: String,
    /// Its id there.
    pub engine_id: String,
    /// The machine's interface to it.
    pub bridge: String,
    /// Its addresses.
    pub range: Range,
    /// Those of IPv6, if it has any.
    pub range6: Option<Range6>,
}

impl LocalNetwork {
    /// The address of IPv6 behind a virtual one of IPv4.
    #[must_use]
    pub fn behind(&self, address: Ipv4Addr) -> Option<Ipv6Addr> {
        Some(self.range6?.behind(address, &self.range))
    }
}

/// How a task answers to who is on none of its networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// From this address.
    pub own: Ipv4Addr,
    /// To who is on these it answers directly.
    pub networks: Vec<Ipv4Net>,
}

/// The networks of this engine, and where tasks are on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalNetworks {
    /// Counts the lives of the engine: each makes its bridges anew.
    pub lives: u64,
    /// By id.
    pub networks: BTreeMap<NetworkId, LocalNetwork>,
    /// Addresses of running tasks.
    pub tasks: BTreeMap<TaskId, BTreeMap<NetworkId, Ipv4Addr>>,
    /// The same of IPv6, on networks that have it.
    pub tasks6: BTreeMap<TaskId, BTreeMap<NetworkId, Ipv6Addr>>,
    /// How running tasks answer to everybody else, where their default route leads to this machine.
    pub routed: BTreeMap<TaskId, Routed>,
}
