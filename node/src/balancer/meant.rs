//! What somebody asks for who asks a virtual address.

use std::net::SocketAddr;

use shoal_scheduler::{task::NetworkId, view::ClusterView};

use super::{Shared, published::Front, virtuals::Whose};
use crate::runtime::docker::LocalNetwork;

/// What was meant by who asks, and what address it asked. None: nothing of this network, or it comes from
/// elsewhere.
pub(super) fn meant(
    shared: &Shared,
    network: &LocalNetwork,
    from: SocketAddr,
    to: SocketAddr,
) -> Option<Front> {
    let (SocketAddr::V4(from), SocketAddr::V4(to)) = (from, to) else {
        return None;
    };
    if !network.range.subnet.contains(from.ip()) {
        return None;
    }
    let whose = shared.virtuals.at(network.id, *to.ip())?;
    let view = shared.view.borrow();
    front_of(&view, network.id, whose, to.port())
}

fn front_of(view: &ClusterView, network: NetworkId, whose: Whose, target: u16) -> Option<Front> {
    let (service, task) = match whose {
        Whose::Service(service) => (service, None),
        Whose::Task(task) => (view.tasks.get(&task)?.report.service, Some(task)),
    };
    let spec = &view.services.get(&service)?.spec;
    Some(Front {
        service,
        name: spec.name.clone(),
        target,
        network: Some(network),
        task,
        proxy: spec.proxy_protocol(),
    })
}
