//! Names of services, for the containers of this node: a DNS server on each of its networks.
//!
//! `web` (a service's own name, or an alias that it has on the network), `tasks.web` and `web.2` (a slot)
//! are answered from the node's own view; whatever else is asked is passed on to the servers that the
//! machine, or the service, asks. A container asks by way of its engine's resolver (127.0.0.11), and knows
//! the names of the networks that it is on, and no others.

mod answer;
mod client;
#[cfg(test)]
mod hostile;
mod relay;
#[cfg(test)]
mod samples;
mod server;

use std::sync::Arc;

use shoal_scheduler::view::ClusterView;
use tokio::sync::watch;

use crate::{balancer::virtuals::Virtuals, runtime::docker::LocalNetworks};

/// What everybody here shares.
pub(crate) struct Names {
    /// The networks of this node's engine.
    pub(crate) networks: watch::Receiver<Arc<LocalNetworks>>,
    /// All services and tasks.
    pub(crate) view: watch::Receiver<Arc<ClusterView>>,
    /// Where they are reached from here.
    pub(crate) virtuals: Virtuals,
}
