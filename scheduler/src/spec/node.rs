//! What people decide about a node: Swarm's `NodeSpec`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json::null_default;

/// Labels and availability of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NodeSpec {
    /// A name for people.
    #[serde(
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub name: String,
    /// `manager` or `worker`; here all nodes are equal, and say `manager`.
    #[serde(deserialize_with = "null_default")]
    pub role: String,
    /// Whether the node takes tasks.
    #[serde(deserialize_with = "null_default")]
    pub availability: Availability,
    /// Labels, for constraints (`node.labels.K`) and for `shoal.weight`.
    #[serde(deserialize_with = "null_default")]
    pub labels: BTreeMap<String, String>,
}

/// Whether a node takes tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Availability {
    /// It takes tasks.
    #[default]
    Active,
    /// It keeps what it has and takes no new tasks.
    Pause,
    /// Its tasks move to others.
    Drain,
}
