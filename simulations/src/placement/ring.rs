//! Consistent hashing on a ring (Karger et al., "Consistent Hashing and Random Trees", 1997): each node has
//! many points on a circle, its virtual nodes, and a slot goes to the first point at or after its own.
//!
//! A node's coming or going moves its own slots only, as with rendezvous hashing. But the arcs differ: of V
//! virtual nodes each, a node's share of the circle varies by 1/√V, on top of what balls in bins do. A weight
//! multiplies a node's virtual nodes, as in Dynamo (DeCandia et al. 2007, section 4.2).

use shoal_membership::NodeId;
use shoal_scheduler::placement::Weight;

use super::{Cluster, Owners, Placer, SlotKey};

/// Most points of a ring: 24 bytes each.
pub const POINTS_MAX: u64 = 4_000_000;

/// Builds its circle anew each time, and has no memory.
#[derive(Debug)]
pub(super) struct Ring {
    virtual_nodes: u32,
}

impl Ring {
    pub(super) fn new(virtual_nodes: u32) -> Self {
        Self { virtual_nodes }
    }

    /// The points of a node of this weight: at least one.
    pub(super) fn points(virtual_nodes: u32, weight: Weight) -> u64 {
        let points = u64::from(virtual_nodes) * u64::from(weight.thousandths());
        ((points + 500) / 1_000).max(1)
    }
}

impl Placer for Ring {
    fn place(&mut self, cluster: &Cluster) -> Owners {
        let points_of = |(node, weight): (&NodeId, &Weight)| {
            let (node, points) = (*node, Self::points(self.virtual_nodes, *weight));
            (0..points).map(move |number| (point_of_node(node, number), node))
        };
        let mut circle: Vec<(u64, NodeId)> = cluster.nodes.iter().flat_map(points_of).collect();
        // Of two at one point the smaller node id is first.
        circle.sort_unstable();
        let owner = |slot: SlotKey| {
            let at = point_of_slot(slot);
            let next = circle.partition_point(|(point, _)| *point < at);
            let (_, node) = circle.get(next).or_else(|| circle.first())?;
            Some((slot, *node))
        };
        cluster.slots().filter_map(owner).collect()
    }
}

fn point_of_node(node: NodeId, number: u64) -> u64 {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(node.as_bytes());
    bytes[16..].copy_from_slice(&number.to_le_bytes());
    point(b'n', &bytes)
}

fn point_of_slot((service, number): SlotKey) -> u64 {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&service.0.to_be_bytes());
    bytes[16..].copy_from_slice(&number.to_le_bytes());
    point(b's', &bytes)
}

/// Where something lies on the circle: the first bytes of its BLAKE3 hash.
fn point(kind: u8, bytes: &[u8; 24]) -> u64 {
    let mut whole = [kind; 25];
    whole[1..].copy_from_slice(bytes);
    let hash = blake3::hash(&whole);
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}
