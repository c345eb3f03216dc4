//! Where a container is: its addresses on networks, and the one by which it answers to everybody else.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr, UdpSocket},
    str::FromStr,
};

use bollard::models::{ContainerInspectResponse, EndpointSettings};
use ipnet::Ipv4Net;
use shoal_scheduler::task::NetworkId;

use super::{
    local::{LocalNetwork, Routed},
    ranges,
};

/// How it answers to everybody else, if its default route leads to this machine.
pub(super) fn routed(found: &ContainerInspectResponse) -> Option<Routed> {
    let pid = found.state.as_ref()?.pid.filter(|pid| *pid > 0)?;
    // An agent that does not see the processes of its engine does not know.
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/route")).ok()?;
    let gateway = ranges::default_gateway(&table)?;
    // A bridge's own address can be had, another machine's can't.
    UdpSocket::bind((gateway, 0)).ok()?;
    let there = found.network_settings.as_ref()?.networks.as_ref()?;
    let addresses = there.values().filter_map(|network| {
        let address = network.ip_address.as_ref()?.parse().ok()?;
        let length = u8::try_from(network.ip_prefix_len?).ok()?;
        Ipv4Net::new(address, length).ok()
    });
    let networks: Vec<Ipv4Net> = addresses.collect();
    let by = networks.iter().find(|network| network.contains(&gateway))?;
    Some(Routed {
        own: by.addr(),
        networks,
    })
}

/// Where a container is on these networks, if it is on any.
fn at<A: FromStr>(
    networks: &BTreeMap<NetworkId, LocalNetwork>,
    found: Option<&ContainerInspectResponse>,
    address: impl Fn(&EndpointSettings) -> Option<&String>,
) -> BTreeMap<NetworkId, A> {
    let settings = found.and_then(|found| found.network_settings.as_ref());
    let there = settings.and_then(|settings| settings.networks.as_ref());
    let of = |network: &LocalNetwork| {
        let address = address(there?.get(&network.name)?)?;
        Some((network.id, address.parse().ok()?))
    };
    networks.values().filter_map(of).collect()
}

/// Its addresses of IPv4.
pub(super) fn addresses(
    networks: &BTreeMap<NetworkId, LocalNetwork>,
    found: Option<&ContainerInspectResponse>,
) -> BTreeMap<NetworkId, Ipv4Addr> {
    at(networks, found, |endpoint| endpoint.ip_address.as_ref())
}

/// Those of IPv6, where a network has it.
pub(super) fn addresses6(
    networks: &BTreeMap<NetworkId, LocalNetwork>,
    found: Option<&ContainerInspectResponse>,
) -> BTreeMap<NetworkId, Ipv6Addr> {
    at(networks, found, |endpoint| {
        endpoint.global_ipv6_address.as_ref()
    })
}
