//! What the entries of each kind say, as JSON: read by any version, kept whole by those that don't
//! know a field.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shoal_membership::PublicKey;

use crate::{
    ports::GivenPort,
    spec::{FileSpec, NetworkSpec},
    task::{FileId, NetworkId, ServiceId},
    update::UpdateKind,
};

/// An entry of kind `service`. The specs are byte for byte what people sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceRecord {
    /// The service's id, made when it was created.
    #[serde(rename = "ID")]
    pub id: ServiceId,
    /// When it was created, in milliseconds since 1970.
    pub created_at: u64,
    /// Docker's `ServiceSpec`.
    pub spec: Box<RawValue>,
    /// Published ports that were chosen for it; the spec leaves them open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given_ports: Vec<GivenPort>,
    /// The spec before the last update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_spec: Option<Box<RawValue>>,
    /// What this write asks of the tasks. None: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateKind>,
    /// The update that it replaces was not over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_another: bool,
    /// How often a job was asked to run again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub job_iteration: u64,
    /// The service's version before this write, which is to be a later one.
    #[serde(default)]
    pub version_before: u64,
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An entry of kind `job`: what a node has behind it of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct JobRecord {
    /// Runs of each slot that are behind it, by this node or another before. Of a global job: of slot 1.
    pub behind: BTreeMap<u64, u64>,
    /// Runs that this node gave up.
    pub failed: u64,
}

/// An entry of kind `update`: something that a node found of an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateFinding {
    /// For people.
    pub message: String,
}

/// An entry of kind `network`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkRecord {
    /// Its id, made when it was created.
    #[serde(rename = "ID")]
    pub id: NetworkId,
    /// When it was created, in milliseconds since 1970.
    pub created_at: u64,
    /// What was asked for.
    pub spec: NetworkSpec,
}

/// An entry of kind `secret` or `config`: all but what it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FileRecord {
    /// Its id, made when it was created.
    #[serde(rename = "ID")]
    pub id: FileId,
    /// When it was created, in milliseconds since 1970.
    pub created_at: u64,
    /// What was asked for.
    pub spec: FileSpec,
    /// Pieces in which its contents are kept.
    pub pieces: u32,
    /// What a secret's value is recognised by where it can't be read. Nothing: a config.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
}

/// An entry of kind `token`: the public half of a join token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TokenRecord {
    /// What the joiner's proof is checked with.
    pub key: PublicKey,
    /// When it was made, in milliseconds since 1970.
    pub created_at: u64,
    /// Seconds for which it is good. None: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// Nodes that may use it. None: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// Whether it stands until it is rotated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_standing: bool,
}

impl TokenRecord {
    /// How long it is good for.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        self.ttl.map(Duration::from_secs)
    }
}

/// An entry of kind `volume-home`: the node that holds the data of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VolumeHome {
    /// Id of the node.
    pub node: String,
    /// Name of the volume.
    pub volume: String,
    /// How often the slot found a new home before, without its data.
    #[serde(default)]
    pub epoch: u64,
}

/// An entry of kind `purge`: tombstones that every member has seen, by hash.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PurgeRecord {
    /// Hashes in hexadecimal.
    pub tombstones: Vec<String>,
}
