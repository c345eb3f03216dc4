//! What this machine is: its name, its processors, its memory, its addresses.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags};
use shoal_membership::{ADDRESSES_MAX, Addresses};
use shoal_scheduler::{generic::Stocks, placement::PLACEMENT_VERSION, view::NodeFacts};

use crate::architecture;

/// Everything that placement may ask about this machine.
pub(super) fn of_this_machine(
    hostname: &str,
    runtimes: Vec<String>,
    generic_resources: Stocks,
) -> NodeFacts {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    NodeFacts {
        hostname: hostname.to_owned(),
        architecture: architecture::of_this_program(),
        os: std::env::consts::OS.to_owned(),
        nano_cpus: i64::try_from(cores)
            .unwrap_or(1)
            .saturating_mul(1_000_000_000),
        memory_bytes: memory_bytes(),
        runtimes,
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        engine_trouble: String::new(),
        engine_labels: BTreeMap::new(),
        plugins: Vec::new(),
        generic_resources,
        placement_version: PLACEMENT_VERSION,
    }
}

/// Memory of the machine. 0 where the kernel does not say.
fn memory_bytes() -> i64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: i64 = total
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok())
        .unwrap_or(0);
    kib.saturating_mul(1024)
}

/// `--name`, or the machine's host name.
pub(super) fn hostname(given: Option<String>) -> String {
    given.unwrap_or_else(|| {
        let name = nix::unistd::gethostname()
            .ok()
            .and_then(|name| name.into_string().ok());
        name.filter(|name| !name.is_empty())
            .unwrap_or_else(|| "localhost".to_owned())
    })
}

/// Where others reach this node: what was said, or the address it listens on, or all addresses of
/// the machine's interfaces with the port it listens on; loopback only if there is nothing else.
pub(super) fn addresses(listening: SocketAddr, advertise: Option<SocketAddr>) -> Addresses {
    if let Some(address) = advertise {
        return address.into();
    }
    if !listening.ip().is_unspecified() {
        return listening.into();
    }
    let mut found = interface_addresses(listening.ip().is_ipv4());
    if found.is_empty() {
        found.push(IpAddr::from([127, 0, 0, 1]));
    }
    let with_port = found
        .into_iter()
        .map(|ip| SocketAddr::new(ip, listening.port()));
    let few: Vec<SocketAddr> = with_port.take(ADDRESSES_MAX).collect();
    Addresses::new(&few).unwrap_or_default()
}

/// Addresses of interfaces that are up, IPv4 first; none of loopback, none that hold on one link.
fn interface_addresses(only_v4: bool) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = getifaddrs()
        .into_iter()
        .flatten()
        .filter(|one| one.flags.contains(InterfaceFlags::IFF_UP))
        .filter_map(|one| {
            let address = one.address?;
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .filter(|ip| match ip {
            IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
            IpAddr::V6(v6) => !only_v4 && !v6.is_loopback() && !v6.is_unicast_link_local(),
        })
        .collect();
    found.sort_by_key(|ip| (ip.is_ipv6(), *ip));
    found.dedup();
    found
}
