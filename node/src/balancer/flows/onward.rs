//! Packets between two other nodes that can't reach each other: this one passes each on, and keeps nothing.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use shoal_membership::NodeId;

use super::{
    super::{Shared, relay},
    wire::{Head, Kind, Route},
};

/// Passes a packet on, once: whoever gets it answers by the same way.
pub(super) fn pass_on(shared: &Shared, by: NodeId, to: NodeId, head: Head, bytes: &Bytes) {
    let is_known = relay::is_ready(&shared.view.borrow(), to);
    let may = is_known && to != shared.me && !shared.endpoint.is_out_of_reach(to);
    if may {
        let route = Route::From(by);
        shared
            .endpoint
            .send_packet(to, Head { route, ..head }.before(bytes));
        let passed_on = shared.flows.passed_on.fetch_add(1, Ordering::Relaxed) + 1;
        // The first, and then each time it has doubled.
        if passed_on.is_power_of_two() {
            tracing::info!(%to, passed_on, "passes packets on between nodes that can't reach each other");
        }
    } else if matches!(head.kind, Kind::Question(_)) {
        let gone = Head {
            route: Route::From(to),
            kind: Kind::Gone,
            ..head
        };
        shared.endpoint.send_packet(by, gone.before(&[]));
    }
}
