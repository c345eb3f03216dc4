//! Whether a node meets a constraint.

use shoal_membership::NodeId;

use super::{input::Node, platform::Architecture};
use crate::spec::{Constraint, ConstraintKey};

impl Constraint {
    /// Whether this node meets it. All nodes have the role `manager`.
    #[must_use]
    pub fn is_met_by(&self, id: NodeId, node: &Node) -> bool {
        let equals = |text: &str| text.eq_ignore_ascii_case(&self.value);
        let label = |value: Option<&String>| equals(value.map_or("", String::as_str));
        let is_equal = match &self.key {
            ConstraintKey::Id => equals(&id.to_string()),
            ConstraintKey::Hostname => equals(&node.hostname),
            ConstraintKey::Address(Some(subnet)) => {
                node.addresses.iter().any(|ip| subnet.contains(*ip))
            }
            ConstraintKey::Address(None) | ConstraintKey::Unknown => return false,
            ConstraintKey::Role => equals("manager"),
            ConstraintKey::System => equals(&node.facts.os),
            ConstraintKey::Architecture => {
                let ours = &node.facts.architecture;
                Architecture::parse(ours).is(&Architecture::parse(&self.value))
            }
            ConstraintKey::NodeLabel(name) => label(node.labels.get(name)),
            ConstraintKey::EngineLabel(name) => label(node.facts.engine_labels.get(name)),
        };
        is_equal == self.must_equal
    }
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
    fn a_generation_counts_when_it_is_asked_for() {
        let pi = |architecture: &str| Node {
            facts: NodeFacts {
                architecture: architecture.into(),
                ..NodeFacts::default()
            },
            ..Node::default()
        };
        let is_met = |text: &str, architecture: &str| {
            let constraint = Constraint::parse(&format!("node.platform.arch{text}")).unwrap();
            constraint.is_met_by(NodeId::from_bytes([7; 16]), &pi(architecture))
        };
        assert!(is_met("==arm", "arm/v7") && is_met("==armv7l", "arm/v7"));
        assert!(!is_met("==armv7l", "arm/v6") && is_met("!=armv7l", "arm/v6"));
        assert!(!is_met("!=arm", "arm/v6") && !is_met("==arm", "arm64"));
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
