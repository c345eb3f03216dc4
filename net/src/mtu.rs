//! How large a datagram is worth trying: no larger than some interface of this machine sends.
//!
//! QUIC finds out what a path carries by datagrams that get lost if they are too large. Where every interface
//! is an ordinary Ethernet those would be for nothing, each time that a connection is made.

use std::{fs, net::IpAddr, path::Path};

/// Quinn's own: what an Ethernet carries for sure.
const USUAL: u16 = 1_452;
/// The largest UDP payload that is tried, in bytes: ten of them, which quinn gives the kernel at once, are as
/// much as it takes.
const MOST: u16 = 6_500;
/// Headers of IPv6 and UDP.
const HEADERS: u16 = 48;
const LOOPBACK: &str = "lo";

/// The largest payload to try for an endpoint that listens on this address.
pub(crate) fn datagram_max(listen: IpAddr) -> u16 {
    of_interfaces(Path::new("/sys/class/net"), listen.is_loopback())
}

fn of_interfaces(folder: &Path, loopback: bool) -> u16 {
    // Elsewhere there is no such folder.
    let interfaces = fs::read_dir(folder).into_iter().flatten().flatten();
    let mtus = interfaces.filter_map(|interface| {
        let is_meant = (interface.file_name() == LOOPBACK) == loopback;
        let mtu = fs::read_to_string(interface.path().join("mtu")).ok()?;
        let mtu: u32 = mtu.trim().parse().ok().filter(|_| is_meant)?;
        Some(u16::try_from(mtu).unwrap_or(u16::MAX))
    });
    let most = mtus.max().unwrap_or_default().saturating_sub(HEADERS);
    most.clamp(USUAL, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_tried_than_an_interface_sends() {
        let folder = std::env::temp_dir().join(format!("shoal-mtu-{}", std::process::id()));
        let add = |name: &str, mtu: &str| {
            fs::create_dir_all(folder.join(name)).unwrap();
            fs::write(folder.join(name).join("mtu"), mtu).unwrap();
        };
        assert_eq!(of_interfaces(&folder, true), USUAL, "nothing is known");
        add("lo", "65536\n");
        add("eth0", "1500\n");
        add("odd", "much\n");
        assert_eq!(of_interfaces(&folder, false), USUAL);
        assert_eq!(of_interfaces(&folder, true), MOST);
        add("eth1", "4000\n");
        assert_eq!(of_interfaces(&folder, false), 3_952);
        fs::remove_dir_all(&folder).unwrap();
    }
}
