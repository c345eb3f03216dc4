//! Addresses as people give them to `docker swarm`: an address, an interface or a name, with a port or without.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use nix::ifaddrs::getifaddrs;
use tokio::{net::lookup_host, time::timeout};

/// Swarm's own port. Here it stands for that of the agent.
const SWARM_PORT: u16 = 2377;
/// Time to look up a name.
const NAME_TIME_MAX: Duration = Duration::from_secs(5);
/// Addresses of one name.
const ADDRESSES_MAX: usize = 4;

/// An address of this machine, or of whoever stands before it: `ADDRESS|INTERFACE[:PORT]`. Where no port is given it is
/// the agent's.
///
/// # Errors
/// Why it is none, in words that go on after the text.
pub(super) fn own(text: &str, port: u16) -> Result<SocketAddr, String> {
    if let Some(address) = literal(text, port) {
        return Ok(address);
    }
    let (name, given) = split(text, port)?;
    let of_interface = getifaddrs().ok().and_then(|all| {
        let addresses = all
            .filter(|one| one.interface_name == name)
            .filter_map(|one| {
                let address = one.address?;
                let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
                let v6 = || address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip()));
                v4.or_else(v6)
            });
        // IPv4 first, as others may have nothing else.
        addresses.min_by_key(IpAddr::is_ipv6)
    });
    match of_interface {
        Some(ip) => Ok(SocketAddr::new(ip, given)),
        None => Err(format!(
            "is neither an address such as 192.168.1.5 or 192.168.1.5:{port} nor an interface of this machine that has one"
        )),
    }
}

/// Where another node may be: `ADDRESS|NAME[:PORT]`. Nothing, if nobody knows the name.
pub(super) async fn of_others(text: &str, port: u16) -> Vec<SocketAddr> {
    if let Some(address) = literal(text, port) {
        return vec![address];
    }
    let Ok((name, given)) = split(text, port) else {
        return Vec::new();
    };
    match timeout(NAME_TIME_MAX, lookup_host((name, given))).await {
        Ok(Ok(found)) => found.take(ADDRESSES_MAX).collect(),
        Ok(Err(error)) => {
            tracing::warn!(%name, %error, "the name is not known; the token's own addresses are tried");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

fn literal(text: &str, port: u16) -> Option<SocketAddr> {
    let whole = text.parse::<SocketAddr>().ok();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let mut address = match whole {
        Some(whole) => whole,
        None => SocketAddr::new(bare.parse().ok()?, port),
    };
    address.set_port(meant(address.port(), port));
    Some(address)
}

fn split(text: &str, port: u16) -> Result<(&str, u16), String> {
    let Some((name, given)) = text.rsplit_once(':') else {
        return Ok((text, port));
    };
    match given.parse() {
        Ok(given) => Ok((name, meant(given, port))),
        Err(_) => Err(format!("has no port at its end, but {given:?}")),
    }
}

fn meant(given: u16, own: u16) -> u16 {
    match given {
        0 | SWARM_PORT => own,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_address_is_written_out_or_an_interfaces() {
        for (text, meant) in [
            ("10.0.0.7", "10.0.0.7:7900"),
            ("10.0.0.7:7000", "10.0.0.7:7000"),
            ("10.0.0.7:2377", "10.0.0.7:7900"),
            ("10.0.0.7:0", "10.0.0.7:7900"),
            ("fd00::1", "[fd00::1]:7900"),
            ("[fd00::1]", "[fd00::1]:7900"),
            ("[fd00::1]:7000", "[fd00::1]:7000"),
            ("lo", "127.0.0.1:7900"),
            ("lo:7001", "127.0.0.1:7001"),
        ] {
            assert_eq!(own(text, 7900), Ok(meant.parse().unwrap()), "{text}");
        }
        for bad in ["", "nothing0", "10.0.0.300", "lo:x", "lo:70000", ":", "a b"] {
            assert!(own(bad, 7900).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn another_node_is_found_by_an_address_or_a_name() {
        let found = |text| of_others(text, 7900);
        assert_eq!(
            found("10.0.0.9:2377").await,
            ["10.0.0.9:7900".parse().unwrap()]
        );
        assert_eq!(found("10.0.0.9").await, ["10.0.0.9:7900".parse().unwrap()]);
        let local = found("localhost:2377").await;
        assert!(
            local
                .iter()
                .any(|one| one.ip().is_loopback() && one.port() == 7900)
        );
        for bad in ["", "a b", "x:y:z", "nobody.invalid"] {
            assert_eq!(found(bad).await, [], "{bad}");
        }
    }
}
