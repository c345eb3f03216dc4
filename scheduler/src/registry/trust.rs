//! Whose writes are accepted, and which of them count.
//!
//! A write is accepted when its author's key was ever admitted; it counts unless a revocation of
//! that key drew a line before its dot. Admissions form a tree whose root is the founder's own,
//! which the cluster's id certifies.

use std::collections::{BTreeMap, BTreeSet};

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use shoal_membership::{ClusterId, NodeId, PublicKey};

use super::{Key, Signed, Write, kind};

/// What an entry of kind `member` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Admission {
    /// The member's key. The entry's name is the id that follows from it.
    pub key: PublicKey,
    /// Only in the founder's own: what the cluster's id was made of, with the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub founder_nonce: Option<[u8; 16]>,
}

/// What an entry of kind `revocation` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Revocation {
    /// The last dot accepted from each generation of the key. One that is missing: none.
    pub last_dots: Vec<(u64, u64)>,
}

/// The last dot that counts, by generation. One that is missing: none.
pub(super) type Line = BTreeMap<u64, u64>;

/// Keys ever admitted, and the lines that revocations drew.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    admitted: OrdMap<NodeId, PublicKey>,
    lines: BTreeMap<NodeId, Line>,
}

impl Trust {
    /// The key of a node that is, or was, a member.
    #[must_use]
    pub fn key_of(&self, node: &NodeId) -> Option<&PublicKey> {
        self.admitted.get(node)
    }

    /// All keys ever admitted.
    #[must_use]
    pub fn ever_admitted(&self) -> &OrdMap<NodeId, PublicKey> {
        &self.admitted
    }

    /// All nodes whose keys are revoked.
    #[must_use]
    pub fn revoked(&self) -> BTreeSet<NodeId> {
        self.lines.keys().copied().collect()
    }

    /// Whether a node's key is revoked.
    #[must_use]
    pub fn is_revoked(&self, node: &NodeId) -> bool {
        self.lines.contains_key(node)
    }

    /// Whether this write is on the right side of every revocation. A revocation always is: nothing
    /// beats one, not even that of its author.
    #[must_use]
    pub fn counts(&self, write: &Write) -> bool {
        let line = self.lines.get(&write.author.node);
        line.is_none_or(|line| !is_beyond(line, write))
    }

    /// Whether this is an admission that the cluster's id certifies.
    #[must_use]
    pub fn is_founding(cluster: &ClusterId, signed: &Signed) -> Option<PublicKey> {
        let write = &signed.write;
        let admission = admission(write)?;
        let nonce = admission.founder_nonce?;
        let is_root = write.author.node == admission.key.node_id()
            && ClusterId::founded_by(&admission.key, &nonce) == *cluster;
        is_root.then_some(admission.key)
    }

    /// Takes notice of an accepted write. Whether it revokes somebody.
    pub(super) fn learn(&mut self, write: &Write) -> bool {
        if let Some(admission) = admission(write) {
            self.admitted.insert(admission.key.node_id(), admission.key);
        }
        let Some((node, revocation)) = revocation(write) else {
            return false;
        };
        let mut stated: Line = revocation.last_dots.into_iter().collect();
        // Of several revocations the strictest line holds, in whatever order they are heard.
        if let Some(lines) = self.lines.get(&node) {
            stated.retain(|generation, _| lines.contains_key(generation));
            for (generation, dot) in &mut stated {
                *dot = (*dot).min(lines.get(generation).copied().unwrap_or(0));
            }
        }
        self.lines.insert(node, stated);
        true
    }
}

/// Whether a write of the node for which a line was drawn is on the wrong side of it.
pub(super) fn is_beyond(line: &Line, write: &Write) -> bool {
    let last = line.get(&write.author.generation).copied().unwrap_or(0);
    write.key.kind != kind::REVOCATION && write.dot() > last
}

/// Whose writes a revocation ends, and where.
pub(super) fn line_of(write: &Write) -> Option<(NodeId, Line)> {
    let (node, revocation) = revocation(write)?;
    Some((node, revocation.last_dots.into_iter().collect()))
}

/// The admission in a write, if it is a proper one.
fn admission(write: &Write) -> Option<Admission> {
    if write.key.kind != kind::MEMBER {
        return None;
    }
    let admission: Admission = serde_json::from_slice(write.payload.as_ref()?).ok()?;
    (write.key == Key::system(kind::MEMBER, admission.key.node_id().to_string()))
        .then_some(admission)
}

/// The revocation in a write, and of whom, if it is a proper one.
fn revocation(write: &Write) -> Option<(NodeId, Revocation)> {
    if write.key.kind != kind::REVOCATION {
        return None;
    }
    let node = write.key.name.split('.').next()?.parse().ok()?;
    Some((node, serde_json::from_slice(write.payload.as_ref()?).ok()?))
}

/// Whether a write of this kind is of the form that the kind demands: what people could not undo
/// may not be removed, and must be readable to all.
pub(super) fn is_proper(write: &Write) -> bool {
    match write.key.kind.as_str() {
        kind::MEMBER => admission(write).is_some(),
        kind::REVOCATION => revocation(write).is_some(),
        _ => true,
    }
}
