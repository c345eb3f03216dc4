//! What a node must know to find its peers and to trust them, though its registry be lost.
//!
//! JSON, so that a person can read it; with a checksum, so that a flipped bit is not taken for
//! another cluster.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shoal_membership::{
    Addresses, ClusterId, NodeId, PublicKey,
    codec::{decode, encode},
};
use shoal_scheduler::registry::SignedBytes;

use super::error::DiskError;

/// Version of the file. A newer one is refused.
const FORMAT: u32 = 1;

/// A member, as it was last known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMember {
    /// Its id.
    pub id: NodeId,
    /// Its key, if it is known.
    pub key: Option<PublicKey>,
    /// Where it was; best first.
    pub addresses: Addresses,
    /// For how much of this node's uptime it has not been heard of.
    pub silence: Duration,
}

/// What is kept of a cluster beside the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCluster {
    /// Its id.
    pub id: ClusterId,
    /// Only on the node that founded it: what the id was made of.
    pub founder_nonce: Option<[u8; 16]>,
    /// Its members, this node among them or not.
    pub members: Vec<KnownMember>,
    /// Admissions and revocations, from which trust is rebuilt.
    pub trust: Vec<SignedBytes>,
}

/// Why the file can't be used. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ClusterFileError {
    /// Of a later Shoal.
    #[error(
        "{} was made by a newer version of Shoal (format {found}, this version reads up to \
         {FORMAT}): upgrade this node, or move {} away",
        .path.display(), .path.parent().unwrap_or(.path).display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// What it has.
        found: u32,
    },
    /// Not as it was written.
    #[error("{} is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The disk or the operating system refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Stays the same in all formats, so that a newer file can be told from a damaged one.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    format: u32,
    #[serde(default)]
    checksum: String,
    #[serde(default)]
    content: Option<Box<RawValue>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    node: String,
    cluster: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    founder_nonce: Option<String>,
    members: Vec<Member>,
    trust: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Member {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    addresses: Addresses,
    /// In seconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    silence: u64,
}

fn is_zero(seconds: &u64) -> bool {
    *seconds == 0
}

/// The bytes of the file of this node.
pub(super) fn to_bytes(node: NodeId, cluster: &KnownCluster) -> Vec<u8> {
    let member = |member: &KnownMember| Member {
        id: member.id.to_string(),
        key: member.key.map(|key| hex::encode(key.as_bytes())),
        addresses: member.addresses.clone(),
        silence: member.silence.as_secs(),
    };
    let write = |write: &SignedBytes| hex::encode(encode(write));
    let content = Content {
        node: node.to_string(),
        cluster: cluster.id.to_string(),
        founder_nonce: cluster.founder_nonce.map(hex::encode),
        members: cluster.members.iter().map(member).collect(),
        trust: cluster.trust.iter().map(write).collect(),
    };
    // Strings, lists and numbers: there is nothing in them that JSON can't say.
    seal(
        FORMAT,
        serde_json::value::to_raw_value(&content).unwrap_or_default(),
    )
}

fn seal(format: u32, content: Box<RawValue>) -> Vec<u8> {
    let envelope = Envelope {
        format,
        checksum: checksum(format, &content),
        content: Some(content),
    };
    let mut bytes = serde_json::to_vec(&envelope).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// A file of another format, for the tests.
#[cfg(test)]
pub(super) fn sealed(format: u32, content: &str) -> Vec<u8> {
    seal(format, RawValue::from_string(content.into()).unwrap())
}

/// The node and the cluster in a file. None: there is no such file.
pub(super) fn load(path: &Path) -> Result<Option<(NodeId, KnownCluster)>, ClusterFileError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DiskError::on("read", path)(error).into()),
    };
    let damaged = |what: String| {
        let path = path.to_owned();
        ClusterFileError::Damaged { path, what }
    };
    let envelope: Envelope =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    let content = envelope.content.unwrap_or_default();
    if envelope.checksum != checksum(envelope.format, &content) {
        return Err(damaged("the checksum does not match".into()));
    }
    if envelope.format > FORMAT {
        return Err(ClusterFileError::NewerFormat {
            path: path.to_owned(),
            found: envelope.format,
        });
    }
    let content: Content =
        serde_json::from_str(content.get()).map_err(|error| damaged(error.to_string()))?;
    from_content(content)
        .map(Some)
        .ok_or_else(|| damaged("an id, a key or a write in it can't be read".into()))
}

fn from_content(content: Content) -> Option<(NodeId, KnownCluster)> {
    let founder_nonce = match content.founder_nonce {
        Some(text) => Some(fixed(&text)?),
        None => None,
    };
    let mut members = Vec::new();
    for member in content.members {
        let key = match member.key {
            Some(text) => Some(PublicKey::from_bytes(fixed(&text)?)),
            None => None,
        };
        members.push(KnownMember {
            id: member.id.parse().ok()?,
            key,
            addresses: member.addresses,
            silence: Duration::from_secs(member.silence),
        });
    }
    let write = |text: &String| decode(&hex::decode(text).ok()?).ok();
    let cluster = KnownCluster {
        id: content.cluster.parse().ok()?,
        founder_nonce,
        members,
        trust: content.trust.iter().map(write).collect::<Option<_>>()?,
    };
    Some((content.node.parse().ok()?, cluster))
}

fn fixed<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

fn checksum(format: u32, content: &RawValue) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&format.to_le_bytes())
        .update(content.get().as_bytes());
    hasher.finalize().to_hex().to_string()
}
