//! What an entry of the registry is called.

use std::fmt;

/// Longest namespace or kind, in bytes.
const WORD_BYTES_MAX: usize = 64;
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// The name of an entry: a namespace, a kind, and a name within them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, bincode::Encode, bincode::Decode)]
pub struct Key {
    /// `default` for what people wrote, `system` for the cluster's own.
    pub namespace: String,
    /// See [`kind`]. A kind that this version does not know is kept and passed on unread.
    pub kind: String,
    /// Name within the kind.
    pub name: String,
}

/// The kinds of entry that this version reads.
pub mod kind {
    /// A service. Name: its name.
    pub const SERVICE: &str = "service";
    /// A network that services share: people's.
    pub const NETWORK: &str = "network";
    /// A secret: its name, labels, and how its value can be recognised. Name: its name.
    pub const SECRET: &str = "secret";
    /// A config. Name: its name.
    pub const CONFIG: &str = "config";
    /// A piece of what a secret or a config holds, never changed. Name: its id, a dot, the piece's number. What a
    /// secret holds is encrypted.
    pub const CONTENTS: &str = "contents";
    /// The key of a secret's contents, sealed to each node that may open it. Name: the secret's id.
    pub const SEALED: &str = "sealed";
    /// What holds for the whole cluster. Name: `cluster`.
    pub const CLUSTER: &str = "cluster";
    /// What people decided about a node. Name: its id.
    pub const NODE: &str = "node";
    /// An admission: a public key that is, or was, a member's. Name: the node's id.
    pub const MEMBER: &str = "member";
    /// What a node's machine is. Name: its id.
    pub const FACTS: &str = "facts";
    /// A revocation. Name: the revoked node's id, a dot, the revoker's id. Grow-only.
    pub const REVOCATION: &str = "revocation";
    /// A join token's public half. Name: its id.
    pub const TOKEN: &str = "token";
    /// One use of a token. Name: the token's id, a dot, the joiner's id.
    pub const TOKEN_USE: &str = "token-use";
    /// The node that holds a slot's local volume. Name: service id, a dot, the slot.
    pub const VOLUME_HOME: &str = "volume-home";
    /// What became of an update. Name: service id, a dot, the update's id, a dot, a word: see
    /// [`Finding`](crate::update::Finding).
    pub const UPDATE: &str = "update";
    /// How far a node is with a job. Name: service id, a dot, the id of the write that asked for it, a dot, the node's
    /// id. What it says only grows.
    pub const JOB: &str = "job";
    /// Tombstones that may be dropped. Name: the author's id.
    pub const PURGE: &str = "purge";
    /// A member that nobody heard of for long. Name: its id.
    pub const EVICTION: &str = "eviction";
}

impl Key {
    /// A key of something that people wrote.
    #[must_use]
    pub fn of(kind: &str, name: impl Into<String>) -> Self {
        Self {
            namespace: "default".into(),
            kind: kind.into(),
            name: name.into(),
        }
    }

    /// A key of the cluster's own findings.
    #[must_use]
    pub fn system(kind: &str, name: impl Into<String>) -> Self {
        Self {
            namespace: "system".into(),
            kind: kind.into(),
            name: name.into(),
        }
    }

    /// Whether its parts are within their limits and not empty.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let word = |text: &str| !text.is_empty() && text.len() <= WORD_BYTES_MAX;
        word(&self.namespace)
            && word(&self.kind)
            && !self.name.is_empty()
            && self.name.len() <= NAME_BYTES_MAX
    }

    /// 64 bits that stand for this key in digests.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut hash = blake3::Hasher::new();
        for part in [&self.namespace, &self.kind, &self.name] {
            hash.update(&(part.len() as u64).to_le_bytes())
                .update(part.as_bytes());
        }
        super::first_u64(&hash.finalize())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.kind, self.name)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
