//! How a service is reached: Swarm's `EndpointSpec`.

use serde::{Deserialize, Serialize};

use super::json::null_default;

/// Ports and the way names resolve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EndpointSpec {
    /// `vip` (also when empty) or `dnsrr`.
    #[serde(deserialize_with = "null_default")]
    pub mode: String,
    /// Published ports.
    #[serde(deserialize_with = "null_default")]
    pub ports: Vec<PortConfig>,
}

/// One published port.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PortConfig {
    /// A name, shown only.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub name: String,
    /// TCP, UDP or SCTP.
    #[serde(deserialize_with = "null_default")]
    pub protocol: Protocol,
    /// Port inside the container.
    #[serde(deserialize_with = "null_default")]
    pub target_port: u16,
    /// Port outside. 0: one is chosen.
    #[serde(deserialize_with = "null_default")]
    pub published_port: u16,
    /// On every node, or only where the task runs.
    #[serde(deserialize_with = "null_default")]
    pub publish_mode: PublishMode,
}

/// Protocol of a published port.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    bincode::Encode,
    bincode::Decode,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// Where a published port listens.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum PublishMode {
    /// On every node.
    #[default]
    Ingress,
    /// Only on nodes with a task, straight to it.
    Host,
}
