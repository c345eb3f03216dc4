//! The PROXY protocol: the first bytes that a task gets say who its client is, since the connection itself
//! comes from a balancer. For services that ask for it (`shoal.proxy-protocol`).
//!
//! As HAProxy's `proxy-protocol.txt` has it, versions 1 (a line) and 2 (binary), without extensions. The crates
//! for it read more than they write, and bring a second `thiserror`.

use std::net::{IpAddr, SocketAddr};

use shoal_scheduler::spec::ProxyProtocol;

/// How version 2 begins.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, and a connection that is passed on.
const PROXY: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// What says that a client has connected to an address of ours.
pub(super) fn header(version: ProxyProtocol, client: SocketAddr, asked: SocketAddr) -> Vec<u8> {
    let ips = match (client.ip().to_canonical(), asked.ip().to_canonical()) {
        (IpAddr::V4(client), IpAddr::V4(asked)) => (IpAddr::V4(client), IpAddr::V4(asked)),
        (client, asked) => (as_v6(client), as_v6(asked)),
    };
    let ports = (client.port(), asked.port());
    match version {
        ProxyProtocol::V1 => line(ips, ports),
        ProxyProtocol::V2 => binary(ips, ports),
    }
}

fn as_v6(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V6(address.to_ipv6_mapped()),
        IpAddr::V6(_) => address,
    }
}

fn line((client, asked): (IpAddr, IpAddr), ports: (u16, u16)) -> Vec<u8> {
    let family = match client {
        IpAddr::V4(_) => "TCP4",
        IpAddr::V6(_) => "TCP6",
    };
    format!(
        "PROXY {family} {client} {asked} {} {}\r\n",
        ports.0, ports.1
    )
    .into_bytes()
}

fn binary((client, asked): (IpAddr, IpAddr), ports: (u16, u16)) -> Vec<u8> {
    let family = match client {
        IpAddr::V4(_) => TCP_OVER_IPV4,
        IpAddr::V6(_) => TCP_OVER_IPV6,
    };
    let mut addresses = Vec::new();
    for address in [client, asked] {
        match address {
            IpAddr::V4(address) => addresses.extend(address.octets()),
            IpAddr::V6(address) => addresses.extend(address.octets()),
        }
    }
    for port in [ports.0, ports.1] {
        addresses.extend(port.to_be_bytes());
    }
    let length = u16::try_from(addresses.len()).unwrap_or_default();
    let mut header = SIGNATURE.to_vec();
    header.extend([PROXY, family]);
    header.extend(length.to_be_bytes());
    header.extend(addresses);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: ProxyProtocol, client: &str, asked: &str) -> Vec<u8> {
        header(version, client.parse().unwrap(), asked.parse().unwrap())
    }

    #[test]
    fn a_line_says_who_asked_and_what() {
        let said = |client, asked| String::from_utf8(of(ProxyProtocol::V1, client, asked)).unwrap();
        assert_eq!(
            said("192.0.2.7:4000", "[::ffff:198.51.100.1]:80"),
            "PROXY TCP4 192.0.2.7 198.51.100.1 4000 80\r\n"
        );
        assert_eq!(
            said("[2001:db8::7]:4000", "[2001:db8::1]:80"),
            "PROXY TCP6 2001:db8::7 2001:db8::1 4000 80\r\n"
        );
    }

    #[test]
    fn the_same_in_few_bytes() {
        let four = of(ProxyProtocol::V2, "192.0.2.7:258", "198.51.100.1:80");
        let expected = [
            &b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x0c"[..],
            &[192, 0, 2, 7, 198, 51, 100, 1, 1, 2, 0, 80],
        ];
        assert_eq!(four, expected.concat());
        let six = of(ProxyProtocol::V2, "[2001:db8::7]:258", "198.51.100.1:80");
        assert_eq!((six.len(), &six[13..16]), (16 + 36, &b"\x21\x00\x24"[..]));
        assert_eq!(
            &six[32..48],
            b"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x01"
        );
    }
}
