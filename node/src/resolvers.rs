//! The servers of names that this machine asks.

use std::{fs, net::IpAddr};

/// Where machines say so. The second is of those whose first names a server of their own, which containers
/// can't reach.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

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
