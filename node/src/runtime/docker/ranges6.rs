//! Ranges of IPv6 for networks of this machine that have it, beside their range of IPv4.
//!
//! As there, the lower half is for containers and the upper half for virtual addresses: behind each virtual address of
//! IPv4 one of IPv6, at the same place of its half, so that one table says what both are for.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;
use shoal_scheduler::spec::NetworkSpec;

use super::ranges::Range;

/// How large a range that nobody asked for is.
const PREFIX: u8 = 64;
/// Of a smaller one the upper half could not hold what one of IPv4 does.
const PREFIX_MAX: u8 = 96;
/// Unique local addresses (RFC 4193): the first byte, and 56 bits that nobody else is to have.
const UNIQUE_LOCAL: u128 = 0xfd << 120;

/// A network's range of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range6 {
    /// All of it.
    pub subnet: Ipv6Net,
    /// This machine's own address in it.
    pub gateway: Ipv6Addr,
}

impl Range6 {
    fn of(subnet: Ipv6Net) -> Self {
        let subnet = subnet.trunc();
        Self {
            subnet,
            gateway: Ipv6Addr::from(u128::from(subnet.network()) + 1),
        }
    }

    /// One that nobody else has, by all that is likely: the same for a seed each time.
    pub(super) fn unique(seed: u64) -> Self {
        let network = UNIQUE_LOCAL | (u128::from(seed >> 8) << 64);
        Self::of(Ipv6Net::new_assert(network.into(), PREFIX))
    }

    /// Addresses of containers.
    #[must_use]
    pub fn containers(&self) -> Ipv6Net {
        self.half(0)
    }

    /// Virtual addresses.
    #[must_use]
    pub fn virtuals(&self) -> Ipv6Net {
        self.half(1)
    }

    fn half(&self, which: usize) -> Ipv6Net {
        let halves = self.subnet.subnets(self.subnet.prefix_len() + 1);
        let half = halves.ok().and_then(|mut halves| halves.nth(which));
        half.unwrap_or(self.subnet)
    }

    /// The address behind a virtual one of the network's range of IPv4.
    #[must_use]
    pub fn behind(&self, address: Ipv4Addr, range: &Range) -> Ipv6Addr {
        let first = u32::from(range.virtuals().network());
        let place = u32::from(address).saturating_sub(first);
        Ipv6Addr::from(u128::from(self.virtuals().network()) + u128::from(place))
    }

    /// The virtual address of IPv4 that one is behind.
    #[must_use]
    pub fn before(&self, address: Ipv6Addr, range: &Range) -> Option<Ipv4Addr> {
        let place = u128::from(address).checked_sub(u128::from(self.virtuals().network()))?;
        let first = u32::from(range.virtuals().network());
        let address = first.checked_add(u32::try_from(place).ok()?)?;
        let address = Ipv4Addr::from(address);
        range.virtuals().contains(&address).then_some(address)
    }

    /// This machine's own address among the virtual ones, which none of these is ever before: where rules lead what is
    /// sent to them.
    #[must_use]
    pub fn own(&self, range: &Range) -> Ipv6Addr {
        self.behind(range.virtuals().broadcast(), range)
    }
}

/// What somebody asked for, if it was a range of IPv6.
///
/// # Errors
/// If it is too small.
pub(super) fn asked_for(spec: &NetworkSpec) -> Result<Option<Range6>, String> {
    for config in &spec.ipam.config {
        let Ok(subnet) = config.subnet.parse::<Ipv6Net>() else {
            continue;
        };
        let bad = |why: String| format!("network {}: subnet {subnet}: {why}", spec.name);
        if subnet.prefix_len() > PREFIX_MAX {
            return Err(bad(format!("larger than /{PREFIX_MAX} only")));
        }
        let mut range = Range6::of(subnet);
        if let Ok(gateway) = config.gateway.parse::<Ipv6Addr>() {
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

#[cfg(test)]
mod tests {
    use super::{super::ranges, *};

    #[test]
    fn each_virtual_address_has_one_behind_it() {
        let range = ranges::free(7, &[]).next().unwrap();
        let six = Range6::unique(0x0102_0304_0506_0708);
        assert_eq!(six.subnet, "fd01:203:405:607::/64".parse().unwrap());
        assert_eq!(
            six.gateway,
            "fd01:203:405:607::1".parse::<Ipv6Addr>().unwrap()
        );
        let four = Ipv4Addr::new(10, 0, 121, 3);
        let behind = six.behind(four, &range);
        assert_eq!(
            behind,
            "fd01:203:405:607:8000::103".parse::<Ipv6Addr>().unwrap()
        );
        assert!(six.virtuals().contains(&behind) && !six.containers().contains(&behind));
        assert_eq!(six.before(behind, &range), Some(four));
        assert_eq!(
            six.before(six.own(&range), &range),
            Some([10, 0, 127, 255].into())
        );
        for other in [
            six.gateway,
            "fd01:203:405:607:8000::800".parse().unwrap(),
            Ipv6Addr::from(u128::MAX),
        ] {
            assert_eq!(six.before(other, &range), None, "{other}");
        }
    }

    #[test]
    fn what_is_asked_for_is_taken_or_refused_with_the_reason() {
        let spec = |subnet: &str, gateway: &str| -> NetworkSpec {
            serde_json::from_str(&format!(
                r#"{{"Name":"n","IPAM":{{"Config":[{{"Subnet":"10.0.0.0/24"}},{{"Subnet":"{subnet}","Gateway":"{gateway}"}}]}}}}"#
            ))
            .unwrap()
        };
        let range = asked_for(&spec("2001:db8::9/64", "")).unwrap().unwrap();
        assert_eq!(range.subnet, "2001:db8::/64".parse().unwrap());
        let range = asked_for(&spec("2001:db8::/64", "2001:db8::7"))
            .unwrap()
            .unwrap();
        assert_eq!(range.gateway, "2001:db8::7".parse::<Ipv6Addr>().unwrap());
        assert_eq!(asked_for(&spec("10.7.0.0/24", "")), Ok(None));
        for (subnet, gateway) in [("fd00::/112", ""), ("fd00::/64", "fd00:0:0:0:ffff::1")] {
            let refused = asked_for(&spec(subnet, gateway)).unwrap_err();
            assert!(refused.contains(subnet), "{refused}");
        }
    }
}
