//! Constraints in Swarm's grammar: `key==value` or `key!=value`.
//!
//! After swarmkit's `manager/constraint/constraint.go`: values compare without regard to case, a
//! missing label is an empty one, an unknown key is accepted and never matches. Which nodes meet one
//! is said by `placement`.

use std::{fmt, net::IpAddr};

/// Characters of a value besides letters and digits. Not among them: operators, present or future.
const VALUE_CHARACTERS: &[u8] = b":-_.*()?+[]\\^$|/";

/// One condition that a node must meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// What of a node it looks at.
    pub(crate) key: ConstraintKey,
    /// Or must differ.
    pub(crate) must_equal: bool,
    /// What that is compared with.
    pub(crate) value: String,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConstraintKey {
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
            key: ConstraintKey::read(key, value),
            must_equal: operator == "==",
            value: value.to_owned(),
            text: format!("{key}{operator}{value}"),
        })
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl ConstraintKey {
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
pub(crate) fn label_name(key: &str, prefix: &str) -> Option<String> {
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
pub(crate) struct Subnet {
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

    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
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
    use super::*;

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
}
