//! What goes to the disk, and in which order: one request at a time, each with everything that has
//! changed since the last. Own writes are applied and sent only when they are on the disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use shoal_membership::bugs::{self, Bug};

use super::{Effect, Peer, Ticket, effect::Batch, orders::Origin};
use crate::registry::{Key, Signed};

/// Wait after the disk refused, before it is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Incarnations reserved at a time, so that a renewal need not wait for the disk.
pub(super) const INCARNATIONS_RESERVED: u64 = 1_000;

/// Own writes on their way to the disk.
#[derive(Debug)]
pub(super) struct OwnWrites {
    pub(super) writes: Vec<Arc<Signed>>,
    pub(super) origin: Origin,
}

/// The request that is under way, and what waits for the next.
#[derive(Debug, Default)]
pub(super) struct Disk {
    changed: BTreeSet<Key>,
    own: Option<OwnWrites>,
    meta_changed: bool,
    in_flight: Option<InFlight>,
    retry_at: Option<Duration>,
    /// Peers that wait to hear that what they sent is on the disk.
    waiting: Vec<Ticket>,
}

#[derive(Debug)]
struct InFlight {
    ticket: Ticket,
    changed: BTreeSet<Key>,
    own: Option<OwnWrites>,
    waiting: Vec<Ticket>,
}

impl Disk {
    /// Whether own writes can be handed over now.
    pub(super) fn takes_own(&self) -> bool {
        self.own.is_none()
            && self
                .in_flight
                .as_ref()
                .is_none_or(|flight| flight.own.is_none())
    }

    pub(super) fn put_own(&mut self, own: OwnWrites) {
        self.own = Some(own);
    }

    pub(super) fn put_changed(&mut self, keys: impl IntoIterator<Item = Key>) {
        self.changed.extend(keys);
    }

    pub(super) fn put_meta(&mut self) {
        self.meta_changed = true;
    }

    pub(super) fn wait(&mut self, ticket: Ticket) {
        self.waiting.push(ticket);
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.retry_at.filter(|_| self.in_flight.is_none())
    }

    /// Whether the disk refused a moment ago.
    pub(super) fn is_held_back(&self, now: Duration) -> bool {
        self.retry_at.is_some_and(|at| now < at)
    }

    fn has_work(&self, now: Duration) -> bool {
        let has_any = !self.changed.is_empty()
            || self.own.is_some()
            || self.meta_changed
            || !self.waiting.is_empty();
        let must_wait = self.is_held_back(now) && self.own.is_none();
        self.in_flight.is_none() && has_any && !must_wait
    }
}

impl Peer {
    /// Starts the next request, if there is anything and none is under way.
    pub(super) fn pump_disk(&mut self) {
        if !self.disk.has_work(self.now.monotonic) {
            return;
        }
        let changed = std::mem::take(&mut self.disk.changed);
        let own = self.disk.own.take();
        self.disk.meta_changed = false;
        let batch = self.batch(&changed, own.as_ref());
        let ticket = self.new_ticket();
        let waiting = std::mem::take(&mut self.disk.waiting);
        self.disk.in_flight = Some(InFlight {
            ticket,
            changed,
            own,
            waiting,
        });
        self.effects.push_back(Effect::Persist { ticket, batch });
        if bugs::is(Bug::AckBeforeFsync)
            && let Some(flight) = &mut self.disk.in_flight
        {
            let early = InFlight {
                ticket,
                changed: BTreeSet::new(),
                own: flight.own.take(),
                waiting: std::mem::take(&mut flight.waiting),
            };
            self.on_disk(early);
        }
    }

    fn batch(&self, changed: &BTreeSet<Key>, own: Option<&OwnWrites>) -> Batch {
        let mut entries: BTreeMap<Key, Vec<Arc<Signed>>> = BTreeMap::new();
        for key in changed {
            let siblings = self.registry.entry(key).map(|entry| entry.siblings());
            entries.insert(key.clone(), siblings.unwrap_or_default());
        }
        for signed in own.into_iter().flat_map(|own| &own.writes) {
            let key = &signed.write.key;
            let mut entry = self.registry.entry(key).cloned().unwrap_or_default();
            entry.apply(signed.clone());
            entries.insert(key.clone(), entry.siblings());
        }
        Batch {
            entries: entries.into_iter().collect(),
            author: (self.registry.author().generation, self.registry.counter()),
            incarnation: match bugs::is(Bug::IncarnationNotPersisted) {
                true => 0,
                false => self.incarnation_reserved,
            },
        }
    }

    /// The disk answered.
    pub(super) fn persisted(&mut self, ticket: Ticket, result: Result<(), String>) {
        let Some(flight) = self
            .disk
            .in_flight
            .take_if(|flight| flight.ticket == ticket)
        else {
            return;
        };
        match result {
            Ok(()) => self.on_disk(flight),
            Err(error) => self.not_on_disk(flight, &error),
        }
    }

    /// The store is empty: everything goes to it, at once. The damaged one may have held later dots
    /// than it said, so none of its generation is used again.
    pub(super) fn store_replaced(&mut self, generation: u64) {
        self.registry.start_generation(generation);
        let all = self.registry.entries().map(|(key, _)| key.clone());
        self.disk.changed.extend(all);
        self.disk.meta_changed = true;
        self.disk.retry_at = None;
    }

    fn on_disk(&mut self, flight: InFlight) {
        self.disk.retry_at = None;
        for ticket in flight.waiting {
            self.answer(ticket, &crate::gossip::Answer::Held);
        }
        if let Some(own) = flight.own {
            let mut changed = BTreeSet::new();
            for signed in &own.writes {
                self.registry.apply(signed.clone());
                changed.insert(signed.write.key.clone());
                self.rumours.tell_write(signed.clone());
            }
            let dropped = self.registry.take_dropped();
            self.disk.put_changed(dropped.iter().cloned());
            changed.extend(dropped);
            self.registry_changed(&changed);
            self.own_writes_held(own);
        }
    }

    fn not_on_disk(&mut self, flight: InFlight, error: &str) {
        tracing::error!(%error, "the disk did not take a write; it is tried again");
        for ticket in flight.waiting {
            self.answer(ticket, &crate::gossip::Answer::NotHeld(error.to_owned()));
        }
        self.disk.changed.extend(flight.changed);
        self.disk.meta_changed = true;
        self.disk.retry_at = Some(self.now.monotonic.saturating_add(RETRY_AFTER));
        if let Some(own) = flight.own {
            for signed in &own.writes {
                self.registry.abandon(&signed.write);
            }
            self.own_writes_failed(own, error);
        }
    }
}
