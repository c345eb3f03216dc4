//! What somebody asks for who asks a virtual address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
    let address = address_of(network, from.ip(), to.ip())?;
    let whose = shared.virtuals.at(network.id, address)?;
    let view = shared.view.borrow();
    front_of(&view, network.id, whose, to.port())
}

/// The virtual address that somebody of a network asks, by the one or the other protocol.
fn address_of(network: &LocalNetwork, from: IpAddr, to: IpAddr) -> Option<Ipv4Addr> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => network.range.subnet.contains(&from).then_some(to),
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let six = network.range6.filter(|six| six.subnet.contains(&from))?;
            six.before(to, &network.range)
        }
        _ => None,
    }
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
