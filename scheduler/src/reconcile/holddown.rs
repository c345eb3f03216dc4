//! How long an owner waits before it takes over a slot that another living node runs.

use std::{collections::BTreeMap, time::Duration};

use super::SlotKey;

/// Takeovers further apart than this do not add up.
const MEMORY: Duration = Duration::from_secs(600);
/// Doublings at most.
const FLAPS_MAX: u32 = 5;

#[derive(Clone, Copy, Debug, Default)]
struct HoldDown {
    waiting_since: Option<Duration>,
    flaps: u32,
    last_takeover: Option<Duration>,
}

/// The waits of all slots. Doubled for a slot that was taken over a short while ago.
#[derive(Clone, Debug)]
pub struct HoldDowns {
    base: Duration,
    slots: BTreeMap<SlotKey, HoldDown>,
}

impl HoldDowns {
    /// No waits yet; the first takes `base`.
    #[must_use]
    pub fn new(base: Duration) -> Self {
        Self {
            base,
            slots: BTreeMap::new(),
        }
    }

    /// When the wait for this slot is over. None: it has not begun.
    #[must_use]
    pub fn over_at(&self, slot: &SlotKey) -> Option<Duration> {
        let held = self.slots.get(slot)?;
        let wait = self.base.saturating_mul(1 << held.flaps.min(FLAPS_MAX));
        Some(held.waiting_since?.saturating_add(wait))
    }

    /// Begins to wait.
    pub fn begin(&mut self, slot: SlotKey, now: Duration) {
        let held = self.slots.entry(slot).or_default();
        held.waiting_since.get_or_insert(now);
        if held
            .last_takeover
            .is_some_and(|last| now.saturating_sub(last) > MEMORY)
        {
            held.flaps = 0;
        }
    }

    /// The slot was taken over.
    pub fn taken_over(&mut self, slot: SlotKey, now: Duration) {
        let held = self.slots.entry(slot).or_default();
        held.waiting_since = None;
        held.flaps = held.flaps.saturating_add(1);
        held.last_takeover = Some(now);
    }

    /// Forgets waits whose reason is gone, and slots that have not moved for long.
    pub fn tidy(&mut self, now: Duration, still_waits: impl Fn(&SlotKey) -> bool) {
        self.slots.retain(|slot, held| {
            if !still_waits(slot) {
                held.waiting_since = None;
            }
            let is_recent = held
                .last_takeover
                .is_some_and(|last| now.saturating_sub(last) <= MEMORY);
            held.waiting_since.is_some() || is_recent
        });
    }
}
