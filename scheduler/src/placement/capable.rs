//! Which nodes people let run a service's tasks, whatever runs where now.

use shoal_membership::NodeId;

use super::{filter::Filter, input::Node};
use crate::spec::{Availability, ServiceSpec};

/// Whether what people asked for lets this node run tasks of this service: constraints, platform, availability. Not
/// what changes by itself: an engine that is not there may be back in a moment.
#[must_use]
pub fn may_run(spec: &ServiceSpec, id: NodeId, node: &Node) -> bool {
    let filter = Filter::of(spec);
    let excluded = filter.compile().exclusion_by_kind(id, node);
    excluded.is_none() && node.availability != Availability::Drain
}
