//! The flows of one listener: who sends packets to whom, as long as they do.
//!
//! Nobody says that a flow has ended, so it ends when it was silent for a while; sooner, when places are
//! short: whoever asks and is answered once is not missed, and a flow that comes back begins again.

use std::{
    collections::HashMap,
    hash::Hash,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::Instant,
};

use super::Event;

/// Packets that wait for one flow; more are dropped.
const QUEUED: usize = 64;
/// Whoever was silent for so long goes when a place is needed.
const SILENT_MIN: Duration = Duration::from_secs(1);
/// Who led a packet here may have forgotten that, and lead another's by the same way, after so long a silence: Linux's
/// connection tracking does after 30 s.
const ASKED_FOR: Duration = Duration::from_secs(20);
/// Silent flows are looked for no more often than this.
const LOOK: Duration = Duration::from_millis(100);

struct Entry {
    number: u64,
    queue: mpsc::Sender<Event>,
    seen: Seen,
    asked: Option<SocketAddr>,
    _place: OwnedSemaphorePermit,
    _own: Own,
}

/// What is to be known of a packet to begin a flow. Asked for when it is needed alone.
pub(super) trait Opening {
    /// The address that was asked, where flows to several come to one listener.
    fn asked(&self) -> Option<SocketAddr>;
    /// Its place among those of whom it is meant for.
    fn own(&self) -> Own;
}

/// A new flow's place among those of whom it is meant for.
pub(super) enum Own {
    /// It has one.
    Place {
        /// Until it ends.
        _held: OwnedSemaphorePermit,
    },
    /// Nobody counts it.
    NotCounted,
    /// There is none left.
    Full,
}

impl Own {
    pub(super) fn of(place: Option<OwnedSemaphorePermit>) -> Self {
        place.map_or(Self::Full, |_held| Self::Place { _held })
    }
}

/// Of a flow that is known by its key alone, and that nobody counts.
pub(super) struct Uncounted;

impl Opening for Uncounted {
    fn asked(&self) -> Option<SocketAddr> {
        None
    }

    fn own(&self) -> Own {
        Own::NotCounted
    }
}

struct Held<K> {
    flows: HashMap<K, Entry>,
    begun: u64,
    looked_at: Option<Instant>,
}

struct Inner<K> {
    held: Mutex<Held<K>>,
    most: usize,
    places: Arc<Semaphore>,
}

/// All flows of one listener. Clones share them.
pub(super) struct Table<K>(Arc<Inner<K>>);

impl<K> Clone for Table<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// When a flow last carried something.
#[derive(Clone)]
struct Seen {
    start: Instant,
    /// Milliseconds since the start.
    after: Arc<AtomicU64>,
}

impl Seen {
    fn now() -> Self {
        Self {
            start: Instant::now(),
            after: Arc::default(),
        }
    }

    fn touch(&self) {
        let after = u64::try_from(self.start.elapsed().as_millis());
        self.after
            .store(after.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn at(&self) -> Instant {
        self.start + Duration::from_millis(self.after.load(Ordering::Relaxed))
    }
}

/// A flow's own end. Dropped, the flow has ended.
pub(super) struct Flow<K: Eq + Hash> {
    /// What is sent to it. It ends when its place is needed.
    pub(super) queue: mpsc::Receiver<Event>,
    /// Another way to the same queue, which does not keep it open.
    pub(super) sender: mpsc::WeakSender<Event>,
    seen: Seen,
    table: Table<K>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash> Flow<K> {
    /// It carried something.
    pub(super) fn touch(&self) {
        self.seen.touch();
    }

    /// When it last did.
    pub(super) fn seen_at(&self) -> Instant {
        self.seen.at()
    }
}

impl<K: Eq + Hash> Drop for Flow<K> {
    fn drop(&mut self) {
        let mut held = self.table.held();
        let is_own = |entry: &Entry| entry.number == self.number;
        if held.flows.get(&self.key).is_some_and(is_own) {
            held.flows.remove(&self.key);
        }
    }
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// It is on its way.
    Taken,
    /// Its flow has too many already.
    Dropped,
    /// It would be a new flow, and there is no place for one.
    NoPlace,
}

impl<K: Eq + Hash + Clone> Table<K> {
    /// So many flows at most, each with one of these places.
    pub(super) fn new(most: usize, places: Arc<Semaphore>) -> Self {
        Self(Arc::new(Inner {
            held: Mutex::new(Held {
                flows: HashMap::new(),
                begun: 0,
                looked_at: None,
            }),
            most,
            places,
        }))
    }
}

impl<K: Eq + Hash> Table<K> {
    fn held(&self) -> MutexGuard<'_, Held<K>> {
        // Nothing under this lock can leave it half changed.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all of them.
    pub(super) fn clear(&self) {
        self.held().flows.clear();
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.held().flows.len()
    }
}

impl<K: Eq + Hash + Clone> Table<K> {
    /// Gives a packet to its flow; one that has none begins it, if there are places for it.
    pub(super) fn give(
        &self,
        key: K,
        event: Event,
        opening: &impl Opening,
        begin: impl FnOnce(Flow<K>),
    ) -> Given {
        let mut held = self.held();
        let event = match held.flows.get(&key) {
            // Somebody else's by now, which had the same addresses in the meantime.
            Some(entry)
                if entry.seen.at().elapsed() >= ASKED_FOR && opening.asked() != entry.asked =>
            {
                held.flows.remove(&key);
                event
            }
            Some(entry) => {
                entry.seen.touch();
                match entry.queue.try_send(event) {
                    Ok(()) => return Given::Taken,
                    Err(mpsc::error::TrySendError::Full(_)) => return Given::Dropped,
                    // It is about to be forgotten.
                    Err(mpsc::error::TrySendError::Closed(event)) => event,
                }
            }
            None => event,
        };
        let Some((place, own)) = self.place(&mut held, opening) else {
            return Given::NoPlace;
        };
        let (queue, receiver) = mpsc::channel(QUEUED);
        let sender = queue.downgrade();
        held.begun += 1;
        let (number, seen) = (held.begun, Seen::now());
        // There is room for the first.
        let _ = queue.try_send(event);
        let entry = Entry {
            number,
            queue,
            seen: seen.clone(),
            asked: opening.asked(),
            _place: place,
            _own: own,
        };
        held.flows.insert(key.clone(), entry);
        drop(held);
        begin(Flow {
            queue: receiver,
            sender,
            seen,
            table: self.clone(),
            key,
            number,
        });
        Given::Taken
    }

    fn place(
        &self,
        held: &mut Held<K>,
        opening: &impl Opening,
    ) -> Option<(OwnedSemaphorePermit, Own)> {
        let free = |held: &Held<K>| {
            let has_room = held.flows.len() < self.0.most;
            let place = has_room.then(|| self.0.places.clone().try_acquire_owned().ok())??;
            match opening.own() {
                Own::Full => None,
                own => Some((place, own)),
            }
        };
        if let Some(place) = free(held) {
            return Some(place);
        }
        let now = Instant::now();
        if held.looked_at.is_some_and(|at| now - at < LOOK) {
            return None;
        }
        held.looked_at = Some(now);
        let is_new = |entry: &mut Entry| now.duration_since(entry.seen.at()) < SILENT_MIN;
        held.flows.retain(|_, entry| is_new(entry));
        free(held)
    }
}

#[cfg(test)]
mod tests;
