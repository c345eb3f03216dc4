//! How long a node keeps its copy of a slot while another's is as good.
//!
//! Nodes that find each other again hear of the others one by one, and each plans with those it has
//! heard of: for some seconds two of them may disagree about a slot's owner. If each stopped its copy
//! for the other's at once, none would be left. So the reason has to stand for a while, and for twice
//! as long where this node ranks above the other: of two that mean to yield to each other one does,
//! and the other hears of it in time.

use std::{collections::BTreeMap, time::Duration};

use super::SlotKey;

/// Waits go by the hold-down of takeovers: a quarter of it, and half where this node ranks higher.
const SHARE: u32 = 4;

/// Since when this node has had a reason to yield each slot.
#[derive(Clone, Debug)]
pub struct Yields {
    wait: Duration,
    since: BTreeMap<SlotKey, Duration>,
}

impl Yields {
    /// No reasons yet.
    #[must_use]
    pub fn new(hold_down: Duration) -> Self {
        Self {
            wait: hold_down / SHARE,
            since: BTreeMap::new(),
        }
    }

    /// When the reason will have stood for long enough.
    pub(super) fn over_at(&self, slot: &SlotKey, now: Duration, outranks_other: bool) -> Duration {
        let since = self.since.get(slot).copied().unwrap_or(now);
        since.saturating_add(self.wait * if outranks_other { 2 } else { 1 })
    }

    /// Only these slots have a reason now: what has none begins anew with the next.
    pub fn note(&mut self, slots: &[SlotKey], now: Duration) {
        let noted = |slot: &SlotKey| (*slot, self.since.get(slot).copied().unwrap_or(now));
        self.since = slots.iter().map(noted).collect();
    }
}
