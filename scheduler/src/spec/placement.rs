//! Where tasks may run: Swarm's `Placement`.

use serde::{Deserialize, Serialize};

use super::json::null_default;

/// Wishes about the nodes of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Placement {
    /// `key==value` or `key!=value`; all must hold.
    #[serde(deserialize_with = "null_default")]
    pub constraints: Vec<String>,
    /// Spread over the values of labels.
    #[serde(deserialize_with = "null_default")]
    pub preferences: Vec<Preference>,
    /// Most replicas on one node. 0: no limit.
    #[serde(deserialize_with = "null_default")]
    pub max_replicas: u64,
    /// Platforms of the image. Empty: any.
    #[serde(deserialize_with = "null_default")]
    pub platforms: Vec<Platform>,
}

/// A placement preference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Preference {
    /// The one kind of preference there is.
    #[serde(deserialize_with = "null_default")]
    pub spread: SpreadOver,
}

/// Spread evenly over the values of a label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SpreadOver {
    /// `node.labels.K` or `engine.labels.K`.
    #[serde(deserialize_with = "null_default")]
    pub spread_descriptor: String,
}

/// A processor architecture and an operating system, in Docker's words or uname's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// Such as `amd64`, `x86_64`, `arm64`, `aarch64`. Empty: any.
    #[serde(rename = "Architecture", deserialize_with = "null_default")]
    pub architecture: String,
    /// Such as `linux`. Empty: any.
    #[serde(rename = "OS", deserialize_with = "null_default")]
    pub os: String,
}
