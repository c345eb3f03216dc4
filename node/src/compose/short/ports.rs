//! `[published:]target[/protocol]`, where both may be ranges of the same length.
//!
//! An address in front is refused: the port would listen on every address of every node, and who
//! writes `127.0.0.1:` wants the opposite. (`docker stack deploy` warns and opens it.)

use std::ops::RangeInclusive;

use super::Expanded;
use crate::compose::node::{At, Node, Value};

/// Most ports of one range.
const RANGE_MAX: usize = 1_024;

/// The ports that this stands for.
pub(super) fn expand(text: &str, at: At) -> Result<Expanded, String> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(format!(
            "the protocol must be tcp, udp or sctp, not {protocol:?}"
        ));
    }
    let (published, target) = match ports.rsplit_once(':') {
        None => (None, ports),
        Some((before, target)) => (Some(before), target),
    };
    if let Some((address, _)) = published.and_then(|before| before.rsplit_once(':')) {
        return Err(format!(
            "the address {address} cannot be honoured: a published port listens on every address of the node; leave the address out"
        ));
    }
    let targets = range(target, text)?;
    let publisheds = match published {
        None | Some("") => None,
        Some(published) => Some(range(published, text)?),
    };
    Ok(Expanded {
        nodes: pairs(&targets, publisheds.as_ref(), text)?
            .into_iter()
            .map(|(published, target)| port(published, target, &protocol, at))
            .collect(),
        warnings: Vec::new(),
    })
}

fn pairs(
    targets: &RangeInclusive<u16>,
    publisheds: Option<&RangeInclusive<u16>>,
    text: &str,
) -> Result<Vec<(u16, u16)>, String> {
    let Some(publisheds) = publisheds else {
        return Ok(targets.clone().map(|target| (0, target)).collect());
    };
    if targets.len() == 1 {
        return Ok(publisheds
            .clone()
            .map(|published| (published, *targets.start()))
            .collect());
    }
    if targets.len() != publisheds.len() {
        return Err(format!("the ranges of {text:?} have different lengths"));
    }
    Ok(publisheds.clone().zip(targets.clone()).collect())
}

fn range(part: &str, text: &str) -> Result<RangeInclusive<u16>, String> {
    let number = |digits: &str| {
        digits
            .parse::<u16>()
            .ok()
            .filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or_else(|| {
                format!("{text:?} is not a port: write [published:]target, each from 1 to 65535")
            })
    };
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let range = number(first)?..=number(last)?;
    if range.is_empty() {
        return Err(format!("the range {part:?} ends before it begins"));
    }
    if range.len() > RANGE_MAX {
        return Err(format!(
            "the range {part:?} has more than {RANGE_MAX} ports"
        ));
    }
    Ok(range)
}

fn port(published: u16, target: u16, protocol: &str, at: At) -> Node {
    let mut node = Node::map(at);
    let number = |value: u16| Node::new(Value::Int(value.into()), at);
    node.set("mode", Node::text("ingress", at));
    node.set("target", number(target));
    if published != 0 {
        node.set("published", number(published));
    }
    node.set("protocol", Node::text(protocol, at));
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(text: &str) -> Result<Vec<(i64, i64, String)>, String> {
        let expanded = expand(text, At::default())?;
        Ok(expanded
            .nodes
            .iter()
            .map(|node| {
                let number = |key| node.int_of(key).unwrap_or(0);
                (
                    number("published"),
                    number("target"),
                    node.text_of("protocol").to_owned(),
                )
            })
            .collect())
    }

    #[test]
    fn short_ports() {
        let tcp = || "tcp".to_owned();
        for (text, wanted) in [
            ("80", vec![(0, 80, tcp())]),
            ("8080:80", vec![(8080, 80, tcp())]),
            (":80", vec![(0, 80, tcp())]),
            ("0:80", vec![(0, 80, tcp())]),
            ("53:53/udp", vec![(53, 53, "udp".to_owned())]),
            ("53:53/UDP", vec![(53, 53, "udp".to_owned())]),
            (
                "8080-8081:80-81",
                vec![(8080, 80, tcp()), (8081, 81, tcp())],
            ),
            ("8000-8001:80", vec![(8000, 80, tcp()), (8001, 80, tcp())]),
            ("80-81", vec![(0, 80, tcp()), (0, 81, tcp())]),
        ] {
            assert_eq!(ports(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn bad_ports_are_refused() {
        for (text, why) in [
            ("127.0.0.1:80:80", "the address 127.0.0.1"),
            ("[::1]:80:80", "the address [::1]"),
            ("80/foo", "the protocol"),
            ("a:b", "is not a port"),
            ("80:", "is not a port"),
            ("", "is not a port"),
            ("+80", "is not a port"),
            ("70000", "is not a port"),
            ("1-3:4-5", "different lengths"),
            ("5-3", "ends before it begins"),
            ("1-60000", "more than 1024"),
        ] {
            assert!(
                ports(text).is_err_and(|error| error.contains(why)),
                "{text:?}"
            );
        }
    }
}
