//! Who keeps what nobody needs now.

use std::cmp::Reverse;

use shoal_membership::NodeId;

use super::{score::score, weight::Weight};
use crate::task::{FileId, ServiceId, Slot};

/// Nodes that keep the key of a secret which no service uses.
pub const KEEPERS: usize = 3;

/// Which of these nodes keep the key of a secret that no service uses: the same wherever it is asked.
pub fn keepers(secret: FileId, nodes: impl Iterator<Item = NodeId>) -> Vec<NodeId> {
    let rank = |node: &NodeId| {
        let (service, slot) = (ServiceId(secret.0), Slot::Node(*node));
        score(service, slot, *node, Weight::default())
    };
    let mut ranked: Vec<NodeId> = nodes.collect();
    ranked.sort_by_key(|node| (Reverse(rank(node)), *node));
    ranked.truncate(KEEPERS);
    ranked
}
