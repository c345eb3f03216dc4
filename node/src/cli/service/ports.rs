//! Published ports: `-p 8080:80/udp` and `-p mode=host,target=80`, and how lists show them.

use serde_json::{Value, json};

use crate::cli::lookup::Lookup;

/// The longest range of ports that one option may publish.
const RANGE_MAX: u16 = 1_000;

/// Reads an option: one port, or as many as its range has.
///
/// # Errors
/// A sentence that quotes it.
pub(super) fn parse(text: &str) -> Result<Vec<Value>, String> {
    if text.contains('=') {
        return long(text).map(|port| vec![port]);
    }
    short(text)
}

/// Whether two ports are the same in the container.
pub(super) fn same_target(left: &Value, right: &Value) -> bool {
    left.number("/TargetPort") == right.number("/TargetPort")
        && left.text("/Protocol") == right.text("/Protocol")
}

fn long(text: &str) -> Result<Value, String> {
    let (mut target, mut published) = (None, 0);
    let (mut protocol, mut mode) = ("tcp", "ingress");
    for part in text.split(',') {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "target" => target = Some(number(value, text)?),
            "published" => published = number(value, text)?,
            "protocol" => protocol = checked(value, &["tcp", "udp", "sctp"], text)?,
            "mode" => mode = checked(value, &["ingress", "host"], text)?,
            other => {
                return Err(format!(
                    "{other:?} in {text:?}: known are target, published, protocol and mode"
                ));
            }
        }
    }
    let target = target.ok_or_else(|| format!("{text:?} has no target=PORT"))?;
    Ok(port(protocol, target, published, mode))
}

fn short(text: &str) -> Result<Vec<Value>, String> {
    let (ports, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let protocol = checked(protocol, &["tcp", "udp", "sctp"], text)?;
    let (published, target) = match ports.split_once(':') {
        None => (None, range(ports, text)?),
        Some((_, target)) if target.contains(':') => {
            return Err(format!(
                "{text:?}: a service's port is published on all addresses; leave the address away"
            ));
        }
        Some((published, target)) => (Some(range(published, text)?), range(target, text)?),
    };
    let Some(published) = published else {
        let ports = target.map(|target| port(protocol, target, 0, "ingress"));
        return Ok(ports.collect());
    };
    if published.len() != target.len() {
        return Err(format!("{text:?}: the two ranges have different lengths"));
    }
    let pairs = published.zip(target);
    Ok(pairs
        .map(|(published, target)| port(protocol, target, published, "ingress"))
        .collect())
}

fn port(protocol: &str, target: u16, published: u16, mode: &str) -> Value {
    let mut port = json!({"Protocol": protocol, "TargetPort": target, "PublishMode": mode});
    if published > 0 {
        port["PublishedPort"] = published.into();
    }
    port
}

fn range(text: &str, whole: &str) -> Result<std::ops::RangeInclusive<u16>, String> {
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let (start, end) = (number(start, whole)?, number(end, whole)?);
    if end < start || end - start >= RANGE_MAX {
        return Err(format!(
            "{whole:?}: {text} is no range of up to {RANGE_MAX} ports"
        ));
    }
    Ok(start..=end)
}

fn number(text: &str, whole: &str) -> Result<u16, String> {
    match text.trim().parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("{text:?} in {whole:?} is no port (1 to 65535)")),
    }
}

fn checked<'a>(value: &'a str, known: &[&str], whole: &str) -> Result<&'a str, String> {
    if known.contains(&value) {
        return Ok(value);
    }
    Err(format!(
        "{value:?} in {whole:?}: known are {}",
        known.join(", ")
    ))
}

/// A run of ports that are published in the same order.
struct Run {
    protocol: String,
    published: (u64, u64),
    target: (u64, u64),
}

impl Run {
    fn text(&self) -> String {
        let span = |(start, end): (u64, u64)| match end > start {
            true => format!("{start}-{end}"),
            false => start.to_string(),
        };
        format!(
            "*:{}->{}/{}",
            span(self.published),
            span(self.target),
            self.protocol
        )
    }

    /// Whether the next port continues this run, by Docker's rule.
    fn takes(&self, protocol: &str, published: u64, target: u64) -> bool {
        let is_run = self.target.1 != self.target.0;
        let overlaps = target <= self.target.1;
        protocol == self.protocol
            && published <= self.published.1 + 1
            && target <= self.target.1 + 1
            && !(is_run && overlaps)
    }
}

/// Ports in `service ls`: those published on every node, in runs.
pub(super) fn ingress_ports(service: &Value) -> String {
    let mut ports: Vec<(String, u64, u64)> = service
        .list("/Endpoint/Ports")
        .iter()
        .filter(|port| port.text("/PublishMode") == "ingress")
        .map(|port| {
            let protocol = port.text("/Protocol").to_owned();
            (
                protocol,
                port.number("/PublishedPort"),
                port.number("/TargetPort"),
            )
        })
        .collect();
    ports.sort();
    let mut runs: Vec<Run> = Vec::new();
    for (protocol, published, target) in ports {
        match runs.last_mut() {
            Some(run) if run.takes(&protocol, published, target) => {
                run.published.1 = published;
                run.target.1 = target;
            }
            _ => runs.push(Run {
                protocol,
                published: (published, published),
                target: (target, target),
            }),
        }
    }
    runs.iter().map(Run::text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_spellings() {
        assert_eq!(
            parse("8080:80/udp").unwrap(),
            [
                json!({"Protocol": "udp", "TargetPort": 80, "PublishMode": "ingress",
                    "PublishedPort": 8080})
            ]
        );
        assert_eq!(
            parse("mode=host,target=81,published=8081").unwrap(),
            [
                json!({"Protocol": "tcp", "TargetPort": 81, "PublishMode": "host",
                    "PublishedPort": 8081})
            ]
        );
        assert_eq!(parse("80").unwrap().len(), 1);
        assert_eq!(parse("8080-8082:80-82").unwrap().len(), 3);
        for text in [
            "",
            "x",
            "0",
            "70000",
            "1:2:3",
            "1-3:1-2",
            "3-1",
            "published=1",
            "80/x",
            "target=1,x=2",
            "1-65535",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn runs_are_shown_together() {
        let port = |published: u16, target: u16| {
            json!({"Protocol": "tcp", "PublishedPort": published, "TargetPort": target,
                   "PublishMode": "ingress"})
        };
        let service = |ports: Vec<Value>| json!({"Endpoint": {"Ports": ports}});
        let shown = ingress_ports(&service(vec![
            port(82, 8082),
            port(80, 8080),
            port(81, 8081),
        ]));
        assert_eq!(shown, "*:80-82->8080-8082/tcp");
        let shown = ingress_ports(&service(vec![port(80, 8080), port(443, 8443)]));
        assert_eq!(shown, "*:80->8080/tcp, *:443->8443/tcp");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9:/,=a-z-]{0,20}") {
            let _ = parse(&text);
        }
    }
}
