//! What is kept of the members beside the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use shoal_membership::{Addresses, NodeId};

use crate::store::KnownMember;

/// Where the members are, how long they have been silent, and who is one no more.
#[derive(Default)]
pub(super) struct MemberBook {
    pub(super) addresses: BTreeMap<NodeId, Addresses>,
    pub(super) silences: BTreeMap<NodeId, Duration>,
    pub(super) revoked: BTreeSet<NodeId>,
    /// Since it was last written down.
    pub(super) is_changed: bool,
}

impl MemberBook {
    /// The book as it was written down.
    pub(super) fn of(known: &[KnownMember]) -> Self {
        let known = || known.iter();
        Self {
            addresses: known().map(|one| (one.id, one.addresses.clone())).collect(),
            silences: known().map(|one| (one.id, one.silence)).collect(),
            ..Self::default()
        }
    }

    /// As it is to be written down.
    pub(super) fn known(&self) -> Vec<KnownMember> {
        let members = self.addresses.iter();
        let members = members.filter(|(node, _)| !self.revoked.contains(node));
        members
            .map(|(node, addresses)| KnownMember {
                id: *node,
                key: None,
                addresses: addresses.clone(),
                silence: self.silences.get(node).copied().unwrap_or_default(),
            })
            .collect()
    }
}
