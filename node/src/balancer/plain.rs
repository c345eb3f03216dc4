//! Virtual addresses without nftables: a listener on each port that is known of, since nothing leads all ports
//! to one. Known are the ports that a service publishes, and those that its tasks' images expose.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use shoal_scheduler::{
    spec::Protocol,
    task::{NetworkId, ServiceId},
    view::ClusterView,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::DropGuard;

use super::{Shared, accepting::accept, flows::VirtualPackets, meant::meant, virtuals::Whose};
use crate::runtime::docker::{LocalNetwork, LocalNetworks};

/// Listeners of this node. More are left out, and the log says so.
const MOST: usize = 1_024;

type Place = (NetworkId, IpAddr, u16, Protocol);

/// Those that are open.
#[derive(Default)]
pub(super) struct Listeners {
    open: BTreeMap<Place, DropGuard>,
    /// What can't be had, as it was said.
    said: BTreeSet<Place>,
}

impl Listeners {
    /// Opens and closes them, as the networks and services of now need.
    pub(super) async fn update(
        &mut self,
        shared: &Arc<Shared>,
        local: &LocalNetworks,
        view: &ClusterView,
    ) {
        let wanted = wanted(shared, local, view);
        if wanted.len() > MOST && self.open.len() < MOST {
            tracing::warn!(
                "services have more than {MOST} ports on the networks of this node: some can't be reached"
            );
        }
        self.open.retain(|place, _| wanted.contains(place));
        self.said.retain(|place| wanted.contains(place));
        for place in wanted.into_iter().take(MOST) {
            let Some(network) = local.networks.get(&place.0) else {
                continue;
            };
            if self.open.contains_key(&place) {
                continue;
            }
            match listen(shared, network, place).await {
                Ok(end) => drop(self.open.insert(place, end)),
                Err(error) => {
                    let (_, address, port, protocol) = place;
                    if self.said.insert(place) {
                        tracing::warn!(%address, port, %protocol, %error, "can't listen on a port of a virtual address");
                    }
                }
            }
        }
    }
}

fn wanted(shared: &Shared, local: &LocalNetworks, view: &ClusterView) -> BTreeSet<Place> {
    let mut wanted = BTreeSet::new();
    let ports = ports(view);
    for (id, network) in &local.networks {
        for (whose, address) in shared.virtuals.all(*id) {
            let service = match whose {
                Whose::Service(service) => Some(service),
                Whose::Task(task) => view.tasks.get(&task).map(|task| task.report.service),
            };
            let ports = service.and_then(|service| ports.get(&service));
            let ports = ports.into_iter().flatten();
            let behind = network.behind(address).map(IpAddr::V6);
            for (port, protocol) in ports {
                let both = behind.into_iter().chain([address.into()]);
                wanted.extend(both.map(|address| (*id, address, *port, *protocol)));
            }
        }
    }
    wanted
}

/// The ports on which tasks of each service are known to listen.
fn ports(view: &ClusterView) -> BTreeMap<ServiceId, BTreeSet<(u16, Protocol)>> {
    let mut known: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for service in view.services.values() {
        let ports = service.spec.ports().iter();
        let of = known.entry(service.id).or_default();
        of.extend(ports.map(|port| (port.target_port, port.protocol)));
    }
    for task in view.tasks.values() {
        if let Some(of) = known.get_mut(&task.report.service) {
            let ports = task.report.ports.iter();
            of.extend(ports.map(|port| (port.target, port.protocol)));
        }
    }
    for of in known.values_mut() {
        of.retain(|(_, protocol)| *protocol != Protocol::Sctp);
    }
    known
}

async fn listen(
    shared: &Arc<Shared>,
    network: &LocalNetwork,
    (_, address, port, protocol): Place,
) -> io::Result<DropGuard> {
    let address = SocketAddr::new(address, port);
    let end = shared.stop.child_token();
    let (judge, here) = (shared.clone(), network.clone());
    match protocol {
        Protocol::Udp => {
            let front = move |from, to| meant(&judge, &here, from, to);
            let packets = VirtualPackets::at(address)?;
            tokio::spawn(packets.carry(shared.clone(), front, end.clone()));
        }
        _ => {
            let listener = TcpListener::bind(address).await?;
            let meant_by = move |client: &TcpStream, from| {
                let asked = client.local_addr().ok()?;
                Some((meant(&judge, &here, from, asked)?, Some(asked)))
            };
            tokio::spawn(accept(shared.clone(), listener, end.clone(), meant_by));
        }
    }
    Ok(end.drop_guard())
}

#[cfg(test)]
mod tests {
    use super::{super::samples, *};

    #[test]
    fn the_ports_that_a_service_publishes_are_known() {
        let spec = r#"{"Name":"web","EndpointSpec":{"Ports":[{"TargetPort":80,"PublishedPort":8080},
            {"TargetPort":53,"Protocol":"udp"},{"TargetPort":9,"Protocol":"sctp"}]}}"#;
        let services = [
            samples::service(1, spec),
            samples::service(2, r#"{"Name":"db"}"#),
        ];
        let known = ports(&samples::view("n", &services));
        let expected = [(53, Protocol::Udp), (80, Protocol::Tcp)];
        assert_eq!(known[&ServiceId(1)], expected.into());
        assert!(known[&ServiceId(2)].is_empty());
    }
}
