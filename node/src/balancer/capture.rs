//! What brings connections and packets to virtual addresses here: a route that makes them this machine's, and
//! rules of nftables that lead all their ports to one listener each.
//!
//! Both are a network's own: only what comes from its bridge is led, so nobody reaches the addresses of
//! another network. One table has all rules, and is replaced as a whole; a table that a former run left is
//! replaced, too.

use std::{fmt::Write as _, io, net::Ipv6Addr};

use ipnet::Ipv6Net;
use nix::unistd::geteuid;

use super::commands::run;
use crate::runtime::docker::LocalNetwork;

/// Earlier than what engines do with addresses (-100).
const PRIORITY: i32 = -110;

/// The same for packets, which are not changed and so come before.
const PACKETS_PRIORITY: i32 = -150;

/// Where servers of names listen.
pub(super) const NAMES: u16 = 53;

/// A network, and the ports of this machine's address there to which things are led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Captured {
    pub(super) network: LocalNetwork,
    /// Connections to virtual addresses.
    pub(super) connections: u16,
    /// Packets to virtual addresses.
    pub(super) packets: u16,
    /// Questions for names, which are sent to the port of names at this machine's address. Nobody listens on
    /// that itself: services may publish it.
    pub(super) names_by_packets: u16,
    pub(super) names_by_streams: u16,
    /// None: the network has no IPv6.
    pub(super) six: Option<Captured6>,
}

/// The same for IPv6, of a network that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Captured6 {
    pub(super) own: Ipv6Addr,
    pub(super) virtuals: Ipv6Net,
    pub(super) connections: u16,
    pub(super) packets: u16,
}

/// Which of two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    V4,
    V6,
}

impl Kind {
    /// What nftables calls it.
    fn family(self) -> &'static str {
        match self {
            Self::V4 => "ip",
            Self::V6 => "ip6",
        }
    }
}

/// Makes these rules the only ones of this agent. A kernel that can't lead packets leads connections alone: why
/// it can't is what is returned.
///
/// # Errors
/// If there is no `nft`, or no leave to use it.
pub(super) async fn replace(
    table: &str,
    before: &[Captured],
    captured: &[Captured],
) -> io::Result<Option<io::Error>> {
    let four = replace_one(Kind::V4, table, captured).await?;
    let has_six = |all: &[Captured]| all.iter().any(|one| one.six.is_some());
    // A machine without IPv6 is not asked for it.
    let six = match has_six(before) || has_six(captured) {
        true => replace_one(Kind::V6, table, captured).await?,
        false => None,
    };
    Ok(four.or(six))
}

async fn replace_one(
    kind: Kind,
    table: &str,
    captured: &[Captured],
) -> io::Result<Option<io::Error>> {
    let words = ["-f", "-"];
    match run("nft", &words, &rules(kind, table, captured, true)).await {
        Ok(()) => Ok(None),
        Err(error) => {
            run("nft", &words, &rules(kind, table, captured, false)).await?;
            Ok(Some(error))
        }
    }
}

/// Whether rules can be made here at all.
///
/// # Errors
/// If there is no `nft`, or no leave to use it.
pub(super) async fn check(table: &str) -> io::Result<()> {
    let words = ["--check", "--file", "-"];
    run("nft", &words, &rules(Kind::V4, table, &[], false)).await
}

/// Takes away what a former run of this agent may have left. Without `nft`, or leave to use it, there is nothing.
pub(super) async fn clear(table: &str) {
    if geteuid().is_root() {
        for kind in [Kind::V4, Kind::V6] {
            // An error: there is no such table.
            let _ = run("nft", &["delete", "table", kind.family(), table], "").await;
        }
    }
}

/// Makes all virtual addresses of a network this machine's own. They go with the bridge.
///
/// # Errors
/// If there is no `ip`, or no leave to use it.
pub(super) async fn route(network: &LocalNetwork) -> io::Result<()> {
    let range = network.range.virtuals().to_string();
    let words = ["route", "replace", "local", &range, "dev", &network.bridge];
    run("ip", &words, "").await
}

fn rules(kind: Kind, table: &str, captured: &[Captured], with_packets: bool) -> String {
    let family = kind.family();
    // Named first, so that it can be deleted whether it was there or not.
    let mut text = format!("table {family} {table}\ndelete table {family} {table}\n");
    let mut connections = String::new();
    let mut packets = String::new();
    for one in captured {
        let bridge = &one.network.bridge;
        let line = |to: &mut String, rule: &str| {
            let _ = writeln!(to, "  iifname \"{bridge}\" {family} daddr {rule}");
        };
        match (kind, &one.six) {
            (Kind::V4, _) => {
                let (range, own) = (one.network.range.virtuals(), one.network.range.gateway);
                let mut redirect = |what: &str, port| {
                    line(&mut connections, &format!("{what} redirect to :{port}"));
                };
                redirect(&format!("{range} tcp dport 1-65535"), one.connections);
                redirect(&format!("{own} tcp dport {NAMES}"), one.names_by_streams);
                redirect(&format!("{own} udp dport {NAMES}"), one.names_by_packets);
                let port = one.packets;
                let rule = format!("{range} udp dport 1-65535 tproxy to {own}:{port} accept");
                line(&mut packets, &rule);
            }
            (Kind::V6, Some(six)) => {
                let (range, own) = (six.virtuals, six.own);
                // A bridge has many addresses of IPv6: none of them is the one to redirect to.
                let port = six.connections;
                let rule = format!("{range} tcp dport 1-65535 dnat to [{own}]:{port}");
                line(&mut connections, &rule);
                let port = six.packets;
                let rule = format!("{range} udp dport 1-65535 tproxy to [{own}]:{port} accept");
                line(&mut packets, &rule);
            }
            (Kind::V6, None) => {}
        }
    }
    if connections.is_empty() {
        return text;
    }
    let _ = write!(
        text,
        "table {family} {table} {{\n chain services {{\n  \
         type nat hook prerouting priority {PRIORITY}; policy accept;\n{connections} }}\n"
    );
    if with_packets {
        let _ = write!(
            text,
            " chain packets {{\n  \
             type filter hook prerouting priority {PACKETS_PRIORITY}; policy accept;\n{packets} }}\n"
        );
    }
    text += "}\n";
    text
}

#[cfg(test)]
mod tests {
    use shoal_scheduler::task::NetworkId;

    use super::*;
    use crate::runtime::docker::Range;

    #[test]
    fn the_rules_of_a_former_run_are_replaced_and_each_network_has_its_own() {
        let network = LocalNetwork {
            id: NetworkId(1),
            name: "app_back.00000000".into(),
            engine_id: "0123".into(),
            bridge: "sh0123".into(),
            range: Range {
                subnet: "10.0.0.0/20".parse().unwrap(),
                gateway: [10, 0, 0, 1].into(),
            },
            range6: None,
        };
        let captured = [Captured {
            network,
            connections: 4000,
            packets: 5000,
            names_by_packets: 6000,
            names_by_streams: 7000,
            six: None,
        }];
        let text = rules(Kind::V4, "shoal_x", &captured, false);
        let expected = "table ip shoal_x\ndelete table ip shoal_x\ntable ip shoal_x {\n chain services {\n  \
            type nat hook prerouting priority -110; policy accept;\n  \
            iifname \"sh0123\" ip daddr 10.0.8.0/21 tcp dport 1-65535 redirect to :4000\n  \
            iifname \"sh0123\" ip daddr 10.0.0.1 tcp dport 53 redirect to :7000\n  \
            iifname \"sh0123\" ip daddr 10.0.0.1 udp dport 53 redirect to :6000\n }\n}\n";
        assert_eq!(text, expected);
        let with_packets = rules(Kind::V4, "shoal_x", &captured, true);
        let more = " chain packets {\n  type filter hook prerouting priority -150; policy accept;\n  \
            iifname \"sh0123\" ip daddr 10.0.8.0/21 udp dport 1-65535 tproxy to 10.0.0.1:5000 accept\n }\n}\n";
        let before = expected.strip_suffix("}\n").unwrap();
        assert_eq!(with_packets, format!("{before}{more}"));
        assert!(
            !rules(Kind::V4, "shoal_x", &[], true).contains('{'),
            "nothing is left"
        );
        let of_six = |captured: &[Captured]| rules(Kind::V6, "shoal_x", captured, true);
        assert!(!of_six(&captured).contains('{'), "it has no IPv6");
        let mut captured = captured;
        captured[0].six = Some(Captured6 {
            own: "fd00::8000:0:0:7ff".parse().unwrap(),
            virtuals: "fd00::8000:0:0:0/65".parse().unwrap(),
            connections: 4001,
            packets: 5001,
        });
        let expected = "table ip6 shoal_x\ndelete table ip6 shoal_x\ntable ip6 shoal_x {\n chain services {\n  \
            type nat hook prerouting priority -110; policy accept;\n  \
            iifname \"sh0123\" ip6 daddr fd00::8000:0:0:0/65 tcp dport 1-65535 dnat to [fd00::8000:0:0:7ff]:4001\n }\n \
            chain packets {\n  type filter hook prerouting priority -150; policy accept;\n  \
            iifname \"sh0123\" ip6 daddr fd00::8000:0:0:0/65 udp dport 1-65535 tproxy to [fd00::8000:0:0:7ff]:5001 accept\n }\n}\n";
        assert_eq!(of_six(&captured), expected);
    }
}
