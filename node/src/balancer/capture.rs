//! What brings connections to virtual addresses here: a route that makes them this machine's, and a rule of
//! nftables that leads all their ports to one listener.
//!
//! Both are a network's own: only what comes from its bridge is led, so nobody reaches the addresses of
//! another network. One table has all rules, and is replaced as a whole; a table that a former run left is
//! replaced, too.

use std::{fmt::Write as _, io, process::Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

use crate::runtime::docker::LocalNetwork;

/// Earlier than what engines do with addresses (-100).
const PRIORITY: i32 = -110;

/// A network, and the port of this machine's address there on which connections are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Captured {
    pub(super) network: LocalNetwork,
    pub(super) port: u16,
}

/// Makes these rules the only ones of this agent.
///
/// # Errors
/// If there is no `nft`, or no leave to use it.
pub(super) async fn replace(table: &str, captured: &[Captured]) -> io::Result<()> {
    run("nft", &["-f", "-"], &rules(table, captured)).await
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

fn rules(table: &str, captured: &[Captured]) -> String {
    // Named first, so that it can be deleted whether it was there or not.
    let mut text = format!("table ip {table}\ndelete table ip {table}\n");
    if captured.is_empty() {
        return text;
    }
    let _ = writeln!(text, "table ip {table} {{");
    let _ = writeln!(text, " chain services {{");
    let _ = writeln!(
        text,
        "  type nat hook prerouting priority {PRIORITY}; policy accept;"
    );
    for Captured { network, port } in captured {
        let (bridge, range) = (&network.bridge, network.range.virtuals());
        let _ = writeln!(
            text,
            "  iifname \"{bridge}\" ip daddr {range} tcp dport 1-65535 redirect to :{port}"
        );
    }
    text += " }\n}\n";
    text
}

async fn run(program: &str, words: &[&str], input: &str) -> io::Result<()> {
    let said = |what: &str| io::Error::other(format!("{program}: {what}"));
    let mut command = Command::new(program);
    command.args(words).kill_on_drop(true);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| said(&error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    match output.status.success() {
        true => Ok(()),
        false => Err(said(
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .next()
                .unwrap_or("it failed and does not say why"),
        )),
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
            bridge: "sh0123".into(),
            range: Range {
                subnet: "10.0.0.0/20".parse().unwrap(),
                gateway: [10, 0, 0, 1].into(),
            },
        };
        let text = rules(
            "shoal_x",
            &[Captured {
                network,
                port: 4000,
            }],
        );
        let expected = "table ip shoal_x\ndelete table ip shoal_x\ntable ip shoal_x {\n chain services {\n  \
            type nat hook prerouting priority -110; policy accept;\n  \
            iifname \"sh0123\" ip daddr 10.0.8.0/21 tcp dport 1-65535 redirect to :4000\n }\n}\n";
        assert_eq!(text, expected);
        assert!(!rules("shoal_x", &[]).contains('{'), "nothing is left");
    }
}
