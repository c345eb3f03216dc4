//! Whose keys are let in. TLS proves that a peer holds its key; this says whether that key counts.

use std::collections::{BTreeMap, BTreeSet};

use shoal_membership::{ClusterId, NodeId, PublicKey};

use crate::refusal::Refusal;

/// Who belongs to this cluster, as the registry has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustSet {
    /// The cluster that this node is a member of.
    pub cluster: ClusterId,
    /// The keys that are let in, by the node that holds them.
    pub admitted: BTreeMap<NodeId, PublicKey>,
    /// Nodes that were removed. This beats an admission.
    pub revoked: BTreeSet<NodeId>,
}

impl TrustSet {
    /// A cluster in which nobody is trusted yet.
    #[must_use]
    pub const fn empty(cluster: ClusterId) -> Self {
        Self {
            cluster,
            admitted: BTreeMap::new(),
            revoked: BTreeSet::new(),
        }
    }

    /// The same set with this key let in.
    #[must_use]
    pub fn with(mut self, key: PublicKey) -> Self {
        self.admitted.insert(key.node_id(), key);
        self
    }

    /// Whether the holder of this key is let in.
    ///
    /// # Errors
    /// [`Refusal::Revoked`] or [`Refusal::UnknownKey`].
    pub fn judge(&self, key: &PublicKey) -> Result<NodeId, Refusal> {
        let id = key.node_id();
        if self.revoked.contains(&id) {
            return Err(Refusal::Revoked);
        }
        match self.admitted.get(&id) {
            Some(admitted) if admitted == key => Ok(id),
            _ => Err(Refusal::UnknownKey),
        }
    }

    /// Like [`TrustSet::judge`], of a node whose key was checked before.
    pub(crate) fn judge_node(&self, id: &NodeId) -> Result<(), Refusal> {
        if self.revoked.contains(id) {
            Err(Refusal::Revoked)
        } else if self.admitted.contains_key(id) {
            Ok(())
        } else {
            Err(Refusal::UnknownKey)
        }
    }
}

#[cfg(test)]
mod tests {
    use shoal_membership::SecretKey;

    use super::*;

    #[test]
    fn a_revocation_beats_an_admission() {
        let key = SecretKey::from_seed(&[1; 32]).public();
        let mut trust = TrustSet::empty(ClusterId::from_bytes([0; 16]));
        assert_eq!(trust.judge(&key), Err(Refusal::UnknownKey));
        trust = trust.with(key);
        assert_eq!(trust.judge(&key), Ok(key.node_id()));
        trust.revoked.insert(key.node_id());
        assert_eq!(trust.judge(&key), Err(Refusal::Revoked));
        assert_eq!(trust.judge_node(&key.node_id()), Err(Refusal::Revoked));
    }
}
