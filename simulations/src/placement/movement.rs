//! How many slots change hands from one placement to the next.

use shoal_membership::NodeId;

use super::Owners;

/// Slots of both that have another owner now.
pub(super) fn moved(before: &Owners, after: &Owners) -> u64 {
    let has_moved =
        |(slot, owner): &(&_, &NodeId)| after.get(slot).is_some_and(|now| now != *owner);
    before.iter().filter(has_moved).count() as u64
}

/// Slots of a node.
pub(super) fn owned(owners: &Owners, node: NodeId) -> u64 {
    owners.values().filter(|owner| **owner == node).count() as u64
}
