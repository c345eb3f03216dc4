//! Constraints in Swarm's grammar: `key==value` or `key!=value`.
//!
//! After swarmkit's `manager/constraint/constraint.go`: values compare without regard to case, a
//! missing label is an empty one, an unknown key is accepted and never matches.

use std::{fmt, net::IpAddr};

use shoal_membership::NodeId;

use super::{input::Node, platform::Architecture};

/// Characters of a value besides letters and digits. Not among them: operators, present or future.
const VALUE_CHARACTERS: &[u8] = b":-_.*()?+[]\\^$|/";

/// One condition that a node must meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    key: Key,
    must_equal: bool,
    value: String,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Id,
    Hostname,
    Address(Option<Subnet>),
    Role,
    System,
    Architecture,
    NodeLabel(String),
    EngineLabel(String),
    Unknown,
}

/// A text that is no constraint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadConstraint {
    /// Neither `==` nor `!=`.
    #[error("constraint expected one operator from ==, !=")]
    Operator,
    /// A key with characters that no key has.
    #[error("key '{0}' is invalid")]
    Key(String),
    /// No value, or one with characters that no value has.
    #[error("value '{0}' is invalid")]
    Value(String),
}

impl Constraint {
    /// Reads `key==value` or `key!=value`.
    ///
    /// # Errors
    /// If it is neither, or if the key or the value has characters that Swarm does not allow.
    pub fn parse(text: &str) -> Result<Self, BadConstraint> {
        let (operator, (key, value)) = ["==", "!="]
            .into_iter()
            .find_map(|operator| Some((operator, text.split_once(operator)?)))
            .ok_or(BadConstraint::Operator)?;
        let (key, value) = (key.trim(), value.trim());
        if !is_key(key) {
            return Err(BadConstraint::Key(key.to_owned()));
        }
        if !is_value(value) {
            return Err(BadConstraint::Value(value.to_owned()));
        }
        Ok(Self {
            key: Key::read(key, value),
            must_equal: operator == "==",
            value: value.to_owned(),
            text: format!("{key}{operator}{value}"),
        })
    }

    /// Whether this node meets it. All nodes have the role `manager`.
    #[must_use]
    pub fn is_met_by(&self, id: NodeId, node: &Node) -> bool {
        let equals = |text: &str| text.eq_ignore_ascii_case(&self.value);
        let label = |value: Option<&String>| equals(value.map_or("", String::as_str));
        let is_equal = match &self.key {
            Key::Id => equals(&id.to_string()),
            Key::Hostname => equals(&node.hostname),
            Key::Address(Some(subnet)) => node.addresses.iter().any(|ip| subnet.contains(*ip)),
            Key::Address(None) | Key::Unknown => return false,
            Key::Role => equals("manager"),
            Key::System => equals(&node.facts.os),
            Key::Architecture => {
                let ours = &node.facts.architecture;
                Architecture::parse(ours) == Architecture::parse(&self.value)
            }
            Key::NodeLabel(name) => label(node.labels.get(name)),
            Key::EngineLabel(name) => label(node.facts.engine_labels.get(name)),
        };
        is_equal == self.must_equal
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Key {
    fn read(key: &str, value: &str) -> Self {
        match key.to_ascii_lowercase().as_str() {
            "node.id" => Self::Id,
            "node.hostname" => Self::Hostname,
            "node.ip" => Self::Address(Subnet::parse(value)),
            "node.role" => Self::Role,
            "node.platform.os" => Self::System,
            "node.platform.arch" => Self::Architecture,
            _ => label_name(key, "node.labels.")
                .map(Self::NodeLabel)
                .or_else(|| label_name(key, "engine.labels.").map(Self::EngineLabel))
                .unwrap_or(Self::Unknown),
        }
    }
}

/// The name behind a prefix. The prefix is known in any case; the name itself is case-sensitive.
pub(super) fn label_name(key: &str, prefix: &str) -> Option<String> {
    let (head, name) = key.split_at_checked(prefix.len())?;
    (head.eq_ignore_ascii_case(prefix) && !name.is_empty()).then(|| name.to_owned())
}

/// Swarm's `^[a-z_][a-z0-9\-_.]+$`, in any case: two characters at least.
fn is_key(key: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match key.as_bytes() {
        [first, rest @ ..] if !rest.is_empty() => {
            (first.is_ascii_alphabetic() || *first == b'_') && rest.iter().all(inner)
        }
        _ => false,
    }
}

fn is_value(value: &str) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || byte.is_ascii_whitespace()
            || VALUE_CHARACTERS.contains(&byte)
    };
    !value.is_empty() && value.bytes().all(allowed)
}

/// An address, or a network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Subnet {
    address: IpAddr,
    prefix_bits: u32,
}

impl Subnet {
    fn parse(text: &str) -> Option<Self> {
        let Some((address, bits)) = text.split_once('/') else {
            let address = text.parse::<IpAddr>().ok()?.to_canonical();
            let prefix_bits = width(address);
            return Some(Self {
                address,
                prefix_bits,
            });
        };
        let address = address.parse().ok()?;
        let is_number = bits.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_bits = bits.parse().ok()?;
        (is_number && prefix_bits <= width(address)).then_some(Self {
            address,
            prefix_bits,
        })
    }

    fn contains(&self, ip: IpAddr) -> bool {
        let (ours, theirs) = match (self.address, ip.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => (
                u128::from(ours.to_bits()) << 96,
                u128::from(theirs.to_bits()) << 96,
            ),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits()),
            _ => return false,
        };
        (ours ^ theirs)
            .checked_shr(128 - self.prefix_bits)
            .is_none_or(|difference| difference == 0)
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::view::NodeFacts;

    fn node() -> Node {
        let map = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
        Node {
            hostname: "pi-3".into(),
            addresses: vec!["10.1.2.3".parse().unwrap(), "2001:db8::2".parse().unwrap()],
            labels: map("Disk", "SSD"),
            facts: NodeFacts {
                os: "linux".into(),
                architecture: "arm64".into(),
                engine_labels: map("storage", "nvme"),
                ..NodeFacts::default()
            },
            ..Node::default()
        }
    }

    fn met(text: &str) -> bool {
        let id = NodeId::from_bytes([7; 16]);
        Constraint::parse(text).unwrap().is_met_by(id, &node())
    }

    #[test]
    fn each_key_compares_its_own_fact() {
        let id = NodeId::from_bytes([7; 16]).to_string().to_uppercase();
        for text in [
            &format!("node.id=={id}"),
            "node.hostname == PI-3",
            "NODE.HOSTNAME!=pi-4",
            "node.role==manager",
            "node.role != worker",
            "node.platform.os==Linux",
            "node.platform.arch==aarch64",
            "node.labels.Disk==ssd",
            "engine.labels.storage == NVMe",
        ] {
            assert!(met(text), "{text}");
        }
    }

    #[test]
    fn a_missing_label_is_an_empty_one() {
        assert!(!met("node.labels.disk==ssd"), "names are case-sensitive");
        assert!(met("node.labels.zone!=a"));
        assert!(!met("node.labels.zone==a"));
    }

    #[test]
    fn an_unknown_key_is_accepted_and_never_matches() {
        for text in ["node.colour==red", "node.colour!=red", "node.labels.==x"] {
            assert!(!met(text), "{text}");
        }
    }

    #[test]
    fn addresses_and_networks() {
        for text in [
            "node.ip==10.1.2.3",
            "node.ip==10.1.0.0/16",
            "node.ip==0.0.0.0/0",
            "node.ip==2001:db8::/32",
            "node.ip==::/0",
            "node.ip==::ffff:10.1.2.3",
            "node.ip!=10.2.0.0/16",
            "node.ip!=10.1.2.4",
        ] {
            assert!(met(text), "{text}");
        }
        for text in [
            "node.ip!=10.1.2.3",
            "node.ip==10.1.2.3/33",
            "node.ip!=10.1.2.3/33",
            "node.ip!=nonsense",
            "node.ip==10.1.2.0/+4",
            "node.ip!=10.0.0.0/8",
        ] {
            assert!(!met(text), "{text}");
        }
    }

    #[test]
    fn what_swarm_refuses_is_refused() {
        use BadConstraint::{Key, Operator, Value};
        for (text, error) in [
            ("", Operator),
            ("node.id", Operator),
            ("node.id=x", Operator),
            ("1node==x", Key("1node".into())),
            ("x==y", Key("x".into())),
            ("no de==x", Key("no de".into())),
            ("node.id==", Value(String::new())),
            ("node.id==a==b", Value("a==b".into())),
            ("node.id!=~a", Value("~a".into())),
        ] {
            assert_eq!(Constraint::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            if let Ok(constraint) = Constraint::parse(&text) {
                let _ = constraint.is_met_by(NodeId::from_bytes([0; 16]), &node());
                prop_assert_eq!(Constraint::parse(&constraint.to_string()), Ok(constraint));
            }
        }

        #[test]
        fn equal_and_unequal_are_opposites(value in "[a-z0-9]{1,3}") {
            let key = "node.hostname";
            let (equal, unequal) = (format!("{key}=={value}"), format!("{key}!={value}"));
            prop_assert!(met(&equal) != met(&unequal));
        }
    }
}
