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
    /// The address, with its network's length, by which a running task answers to everybody else: where its default
    /// route leads to this machine.
    pub routed: BTreeMap<TaskId, Ipv4Net>,
}
