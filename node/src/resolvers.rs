//! The servers of names that this machine asks, and those that its containers do.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
};

/// Where machines say so. The second is of those whose first names a server of their own, which containers
/// can't reach.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// Servers that a container may have.
const OF_CONTAINER_MAX: usize = 3;

/// Those of a container: this node itself on the networks that it is on, and then whom it was told to ask, else whom
/// this machine asks. These are for while the agent is not there.
#[must_use]
pub(crate) fn of_container(own: &[Ipv4Addr], told: Option<Vec<String>>) -> Vec<String> {
    let others = told.filter(|told| !told.is_empty()).unwrap_or_else(|| {
        let servers = of_this_machine().into_iter();
        servers.map(|server| server.to_string()).collect()
    });
    let own = own.iter().map(ToString::to_string);
    own.chain(others).take(OF_CONTAINER_MAX).collect()
}

/// Those that others may ask, too: none on this machine itself.
#[must_use]
pub(crate) fn of_this_machine() -> Vec<IpAddr> {
    let texts = FILES
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    let mut found = texts.map(|text| read(&text));
    found
        .find(|servers| !servers.is_empty())
        .unwrap_or_default()
}

fn read(text: &str) -> Vec<IpAddr> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse().ok())?
    });
    lines
        .filter(|server: &IpAddr| !server.is_loopback())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_asks_this_node_and_then_whom_it_was_told_to() {
        let own = [Ipv4Addr::new(10, 0, 0, 1)];
        let told = ["1.1.1.1", "8.8.8.8", "9.9.9.9"]
            .map(str::to_owned)
            .to_vec();
        let asked = of_container(&own, Some(told));
        assert_eq!(asked, ["10.0.0.1", "1.1.1.1", "8.8.8.8"]);
        assert_eq!(
            of_container(&own, Some(Vec::new())),
            of_container(&own, None)
        );
        assert_eq!(of_container(&own, None)[0], "10.0.0.1");
    }

    #[test]
    fn servers_of_others_are_read_and_nothing_else() {
        let text = "# a comment\nnameserver 127.0.0.53\nsearch lan\nnameserver 192.168.0.1 \n\
            nameserver fe80::1%eth0\nnameserver\n nameserver 2001:db8::1\noptions ndots:1\n";
        let expected: [IpAddr; 2] = [
            "192.168.0.1".parse().unwrap(),
            "2001:db8::1".parse().unwrap(),
        ];
        assert_eq!(read(text), expected);
    }
}
