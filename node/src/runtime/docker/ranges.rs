//! Ranges of addresses for networks of this machine. Nothing is routed between machines, so each chooses
//! its own: two sides of a partition have nothing to agree on.
//!
//! The lower half of a range is for containers, the upper half for virtual addresses.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use shoal_scheduler::spec::NetworkSpec;

/// Where ranges come from, as on Swarm (`--default-addr-pool`).
const POOL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8);
/// How large each is: 2,046 addresses of containers, and as many virtual ones.
const PREFIX: u8 = 20;
/// Of a smaller one nothing would be left.
const PREFIX_MAX: u8 = 28;

/// A network's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// All of it.
    pub subnet: Ipv4Net,
    /// This machine's own address in it.
    pub gateway: Ipv4Addr,
}

impl Range {
    /// This range, with its first address as the gateway's.
    fn of(subnet: Ipv4Net) -> Self {
        let subnet = subnet.trunc();
        Self {
            subnet,
            gateway: Ipv4Addr::from(u32::from(subnet.network()) + 1),
        }
    }

    /// Addresses of containers.
    #[must_use]
    pub fn containers(&self) -> Ipv4Net {
        self.half(0)
    }

    /// Virtual addresses.
    #[must_use]
    pub fn virtuals(&self) -> Ipv4Net {
        self.half(1)
    }

    fn half(&self, which: usize) -> Ipv4Net {
        let halves = self.subnet.subnets(self.subnet.prefix_len() + 1);
        let half = halves.ok().and_then(|mut halves| halves.nth(which));
        half.unwrap_or(self.subnet)
    }
}

/// What somebody asked for, if it was a range of IPv4.
///
/// # Errors
/// If it is none, or too small.
pub(super) fn asked_for(spec: &NetworkSpec) -> Result<Option<Range>, String> {
    for config in &spec.ipam.config {
        if config.subnet.contains(':') || config.subnet.is_empty() {
            continue;
        }
        let bad = |why: String| format!("network {}: subnet {}: {why}", spec.name, config.subnet);
        let subnet: Ipv4Net = config
            .subnet
            .parse()
            .map_err(|error: ipnet::AddrParseError| bad(error.to_string()))?;
        if subnet.prefix_len() > PREFIX_MAX {
            return Err(bad(format!("larger than /{PREFIX_MAX} only")));
        }
        let mut range = Range::of(subnet);
        if let Ok(gateway) = config.gateway.parse::<Ipv4Addr>() {
            if !range.containers().contains(&gateway) {
                return Err(bad(format!(
                    "the gateway {gateway} is not in its lower half, {}",
                    range.containers()
                )));
            }
            range.gateway = gateway;
        }
        return Ok(Some(range));
    }
    Ok(None)
}

/// Ranges of the pool that nobody uses, beginning with the one of this seed.
pub(super) fn free(seed: u64, used: &[Ipv4Net]) -> impl Iterator<Item = Range> {
    let number = 1_u64 << (PREFIX - POOL.prefix_len());
    let size = 1_u32 << (32 - PREFIX);
    let first = seed % number;
    (0..number)
        .map(move |step| u32::try_from((first + step) % number).unwrap_or_default())
        .filter_map(move |index| {
            let network = Ipv4Addr::from(u32::from(POOL.network()) + index * size);
            Ipv4Net::new(network, PREFIX).ok()
        })
        .filter(|subnet| !used.iter().any(|used| overlap(used, subnet)))
        .map(Range::of)
}

fn overlap(one: &Ipv4Net, other: &Ipv4Net) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}

/// The ranges to which this machine has a route, but for the default one: `/proc/net/route`.
pub(super) fn routed(table: &str) -> Vec<Ipv4Net> {
    let rows = table.lines().skip(1);
    let found = rows.filter_map(|row| {
        let mut words = row.split_whitespace();
        let destination = word(words.nth(1)?)?;
        let mask = word(words.nth(5)?)?;
        let prefix = u8::try_from(u32::from(mask).leading_ones()).ok()?;
        Ipv4Net::new(destination, prefix).ok()
    });
    found.filter(|net| net.prefix_len() > 0).collect()
}

/// The gateway of the default route.
pub(super) fn default_gateway(table: &str) -> Option<Ipv4Addr> {
    let mut rows = table.lines().skip(1).map(|row| {
        let words: Vec<&str> = row.split_whitespace().collect();
        let is_default = words.get(1) == Some(&"00000000") && words.get(7) == Some(&"00000000");
        is_default.then(|| word(words.get(2)?)).flatten()
    });
    rows.find_map(|gateway| gateway)
}

/// An address as the kernel prints it, with the first byte last.
fn word(text: &str) -> Option<Ipv4Addr> {
    let word = u32::from_str_radix(text, 16).ok()?;
    Some(Ipv4Addr::from(word.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn a_free_range_is_none_that_anybody_uses() {
        let first = free(7, &[]).next().unwrap();
        assert_eq!(first.subnet, net("10.0.112.0/20"));
        assert_eq!(first.gateway, Ipv4Addr::new(10, 0, 112, 1));
        assert_eq!(first.containers(), net("10.0.112.0/21"));
        assert_eq!(first.virtuals(), net("10.0.120.0/21"));
        let used = [
            net("10.0.112.0/24"),
            net("10.0.0.0/9"),
            net("192.168.0.0/16"),
        ];
        assert_eq!(free(7, &used).next().unwrap().subnet, net("10.128.0.0/20"));
        assert_eq!(free(7, &[net("10.0.0.0/8")]).next(), None);
        assert_eq!(free(u64::MAX, &[]).count(), 4096);
    }

    #[test]
    fn what_is_asked_for_is_taken_or_refused_with_the_reason() {
        let spec = |subnet: &str, gateway: &str| -> NetworkSpec {
            serde_json::from_str(&format!(
                r#"{{"Name":"n","IPAM":{{"Config":[{{"Subnet":"{subnet}","Gateway":"{gateway}"}}]}}}}"#
            ))
            .unwrap()
        };
        let range = asked_for(&spec("10.7.0.9/24", "")).unwrap().unwrap();
        assert_eq!(
            (range.subnet, range.gateway),
            (net("10.7.0.0/24"), [10, 7, 0, 1].into())
        );
        let range = asked_for(&spec("10.7.0.0/24", "10.7.0.50"))
            .unwrap()
            .unwrap();
        assert_eq!(range.gateway, Ipv4Addr::new(10, 7, 0, 50));
        assert_eq!(asked_for(&spec("fd00::/64", "")), Ok(None));
        assert_eq!(asked_for(&spec("", "")), Ok(None));
        for (subnet, gateway) in [
            ("10.7.0.0/30", ""),
            ("x", ""),
            ("10.7.0.0/24", "10.7.0.200"),
        ] {
            let refused = asked_for(&spec(subnet, gateway)).unwrap_err();
            assert!(refused.contains(subnet), "{refused}");
        }
    }

    #[test]
    fn routes_are_read_as_the_kernel_prints_them() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
            nonsense\n";
        assert_eq!(routed(table), [net("192.168.0.0/24")]);
        assert_eq!(default_gateway(table), Some([192, 168, 0, 1].into()));
        assert_eq!(default_gateway("Iface\nnonsense\n"), None);
    }
}
