//! What brings connections and packets to virtual addresses here: a route that makes them this machine's, and
//! rules of nftables that lead all their ports to one listener each.
//!
//! Both are a network's own: only what comes from its bridge is led, so nobody reaches the addresses of
//! another network. One table has all rules, and is replaced as a whole; a table that a former run left is
//! replaced, too.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::Ipv6Net;
use nix::unistd::geteuid;

use super::commands::run;
use crate::runtime::docker::LocalNetwork;

/// Earlier than what engines do with addresses (-100).
const PRIORITY: i32 = -110;

/// Where servers of names listen.
pub(super) const NAMES: u16 = 53;

/// A network, and the ports of this machine's address there to which things are led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Captured {
    pub(super) network: LocalNetwork,
    /// Connections to virtual addresses.
    pub(super) connections: u16,
    /// Packets to virtual addresses. None: the kernel does not say to which.
    pub(super) packets: Option<u16>,
    /// Questions for names, which are sent to the port of names at this machine's address. Nobody listens on
    /// that itself: services may publish it.
    pub(super) names_by_packets: u16,
    pub(super) names_by_streams: u16,
    /// None: the network has no IPv6.
    pub(super) six: Option<Captured6>,
    /// Virtual addresses where nobody answers now: whoever asks is refused.
    pub(super) silent: BTreeSet<Ipv4Addr>,
}

/// The same for IPv6, of a network that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Captured6 {
    pub(super) own: Ipv6Addr,
    pub(super) virtuals: Ipv6Net,
    pub(super) connections: u16,
    pub(super) packets: Option<u16>,
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

/// Makes these rules the only ones of this agent.
///
/// # Errors
/// If there is no `nft`, or no leave to use it.
pub(super) async fn replace(
    table: &str,
    before: &[Captured],
    captured: &[Captured],
) -> io::Result<()> {
    let words = ["-f", "-"];
    run("nft", &words, &rules(Kind::V4, table, captured)).await?;
    let has_six = |all: &[Captured]| all.iter().any(|one| one.six.is_some());
    // A machine without IPv6 is not asked for it.
    match has_six(before) || has_six(captured) {
        true => run("nft", &words, &rules(Kind::V6, table, captured)).await,
        false => Ok(()),
    }
}

/// Whether rules can be made here at all.
///
/// # Errors
/// If there is no `nft`, or no leave to use it.
pub(super) async fn check(table: &str) -> io::Result<()> {
    let words = ["--check", "--file", "-"];
    run("nft", &words, &rules(Kind::V4, table, &[])).await
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

fn rules(kind: Kind, table: &str, captured: &[Captured]) -> String {
    let family = kind.family();
    // Named first, so that it can be deleted whether it was there or not.
    let mut text = format!("table {family} {table}\ndelete table {family} {table}\n");
    let (mut led, mut refused) = (String::new(), String::new());
    for one in captured {
        let start = format!("  iifname \"{}\" {family} daddr", one.network.bridge);
        for rule in kept(kind, one).into_iter().chain(leading(kind, one)) {
            let _ = writeln!(led, "{start} {rule}");
        }
        for rule in refusing(kind, one) {
            let _ = writeln!(refused, "{start} {rule}");
        }
    }
    if !led.is_empty() {
        let _ = write!(
            text,
            "table {family} {table} {{\n chain services {{\n  \
             type nat hook prerouting priority {PRIORITY}; policy accept;\n{led} }}\n \
             chain refused {{\n  type filter hook input priority 0; policy accept;\n{refused} }}\n}}\n"
        );
    }
    text
}

/// What keeps packets to silent addresses where they are: else the engine's own rules would lead them on, to whoever
/// publishes such a port.
fn kept(kind: Kind, one: &Captured) -> Vec<String> {
    let silent: Vec<IpAddr> = match kind {
        Kind::V4 => one.silent.iter().copied().map(IpAddr::V4).collect(),
        Kind::V6 => {
            let behind = one.silent.iter();
            let behind = behind.filter_map(|address| one.network.behind(*address));
            behind.map(IpAddr::V6).collect()
        }
    };
    let itself = |address: IpAddr| {
        ["tcp", "udp"]
            .map(|protocol| format!("{address} meta l4proto {protocol} dnat to {address}"))
    };
    silent.into_iter().flat_map(itself).collect()
}

/// What leads everything else to its listener.
fn leading(kind: Kind, one: &Captured) -> Vec<String> {
    let rule =
        |what: String, port: Option<u16>, to: &str| port.map(|port| format!("{what} {to}:{port}"));
    let all = |range: &str, protocol: &str| format!("{range} {protocol} dport 1-65535");
    let rules = match (kind, &one.six) {
        (Kind::V4, _) => {
            let range = one.network.range.virtuals().to_string();
            let name = |protocol: &str| {
                let own = one.network.range.gateway;
                format!("{own} {protocol} dport {NAMES}")
            };
            let to = "redirect to ";
            vec![
                rule(all(&range, "tcp"), Some(one.connections), to),
                rule(all(&range, "udp"), one.packets, to),
                rule(name("tcp"), Some(one.names_by_streams), to),
                rule(name("udp"), Some(one.names_by_packets), to),
            ]
        }
        (Kind::V6, Some(six)) => {
            let range = six.virtuals.to_string();
            // A bridge has many addresses of IPv6: which of them to redirect to is not said.
            let to = format!("dnat to [{}]", six.own);
            vec![
                rule(all(&range, "tcp"), Some(six.connections), &to),
                rule(all(&range, "udp"), six.packets, &to),
            ]
        }
        (Kind::V6, None) => Vec::new(),
    };
    rules.into_iter().flatten().collect()
}

/// What refuses packets that were not led, such as to silent addresses: these are this machine's own by their route, and
/// none of its ports are meant.
fn refusing(kind: Kind, one: &Captured) -> Vec<String> {
    // Of IPv6 what was led goes to an address of that range as well.
    let range = match (kind, &one.six) {
        (Kind::V4, _) => one.network.range.virtuals().to_string(),
        (Kind::V6, Some(six)) => format!("{} ip6 daddr != {}", six.virtuals, six.own),
        (Kind::V6, None) => return Vec::new(),
    };
    let ways = [("tcp", "tcp reset"), ("udp", unreachable(kind))];
    ways.map(|(what, how)| format!("{range} meta l4proto {what} reject with {how}"))
        .to_vec()
}

/// What tells who sent a packet that nobody listens.
fn unreachable(kind: Kind) -> &'static str {
    match kind {
        Kind::V4 => "icmp port-unreachable",
        Kind::V6 => "icmpv6 port-unreachable",
    }
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
            packets: Some(5000),
            names_by_packets: 6000,
            names_by_streams: 7000,
            six: None,
            silent: [[10, 0, 8, 9].into()].into(),
        }];
        let text = rules(Kind::V4, "shoal_x", &captured);
        let expected = "table ip shoal_x\ndelete table ip shoal_x\ntable ip shoal_x {\n chain services {\n  \
            type nat hook prerouting priority -110; policy accept;\n  \
            iifname \"sh0123\" ip daddr 10.0.8.9 meta l4proto tcp dnat to 10.0.8.9\n  \
            iifname \"sh0123\" ip daddr 10.0.8.9 meta l4proto udp dnat to 10.0.8.9\n  \
            iifname \"sh0123\" ip daddr 10.0.8.0/21 tcp dport 1-65535 redirect to :4000\n  \
            iifname \"sh0123\" ip daddr 10.0.8.0/21 udp dport 1-65535 redirect to :5000\n  \
            iifname \"sh0123\" ip daddr 10.0.0.1 tcp dport 53 redirect to :7000\n  \
            iifname \"sh0123\" ip daddr 10.0.0.1 udp dport 53 redirect to :6000\n }\n \
            chain refused {\n  type filter hook input priority 0; policy accept;\n  \
            iifname \"sh0123\" ip daddr 10.0.8.0/21 meta l4proto tcp reject with tcp reset\n  \
            iifname \"sh0123\" ip daddr 10.0.8.0/21 meta l4proto udp reject with icmp port-unreachable\n }\n}\n";
        assert_eq!(text, expected);
        assert!(
            !rules(Kind::V4, "shoal_x", &[]).contains('{'),
            "nothing is left"
        );
        let of_six = |captured: &[Captured]| rules(Kind::V6, "shoal_x", captured);
        assert!(!of_six(&captured).contains('{'), "it has no IPv6");
        let mut captured = captured;
        captured[0].six = Some(Captured6 {
            own: "fd00::8000:0:0:7ff".parse().unwrap(),
            virtuals: "fd00::8000:0:0:0/65".parse().unwrap(),
            connections: 4001,
            packets: Some(5001),
        });
        let expected = "table ip6 shoal_x\ndelete table ip6 shoal_x\ntable ip6 shoal_x {\n chain services {\n  \
            type nat hook prerouting priority -110; policy accept;\n  \
            iifname \"sh0123\" ip6 daddr fd00::8000:0:0:0/65 tcp dport 1-65535 dnat to [fd00::8000:0:0:7ff]:4001\n  \
            iifname \"sh0123\" ip6 daddr fd00::8000:0:0:0/65 udp dport 1-65535 dnat to [fd00::8000:0:0:7ff]:5001\n }\n \
            chain refused {\n  type filter hook input priority 0; policy accept;\n  \
            iifname \"sh0123\" ip6 daddr fd00::8000:0:0:0/65 ip6 daddr != fd00::8000:0:0:7ff meta l4proto tcp reject with tcp reset\n  \
            iifname \"sh0123\" ip6 daddr fd00::8000:0:0:0/65 ip6 daddr != fd00::8000:0:0:7ff meta l4proto udp reject with icmpv6 port-unreachable\n }\n}\n";
        assert_eq!(of_six(&captured), expected);
    }
}
