//! What is due when. The machine asks for the next moment, the driver wakes it then.
//!
//! Timers fire in the order of their due time; foca's own order breaks ties, as it asks for, and
//! then the order in which they were set.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    time::Duration,
};

use crate::{Member, NodeId};

/// What a timer is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// foca's own.
    Foca(foca::Timer<Member>),
    /// The next question to a suspect, or the verdict. The number tells suspicions of one node apart.
    Suspicion(NodeId, u64),
    /// Compare the view with foca's list.
    Reconcile,
    /// Call upon members that are down, in case we are the one that is cut off.
    Seek,
    /// Say once more that we left.
    Farewell(u8),
}

impl Event {
    const fn rank(&self) -> u8 {
        match self {
            Self::Foca(_) => 0,
            Self::Suspicion(..) => 1,
            Self::Reconcile => 2,
            Self::Seek => 3,
            Self::Farewell(_) => 4,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    due: Duration,
    event: Event,
    sequence: u64,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let event = match (&self.event, &other.event) {
            (Event::Foca(one), Event::Foca(two)) => one.cmp(two),
            (one, two) => one.rank().cmp(&two.rank()),
        };
        let due = self.due.cmp(&other.due);
        due.then(event).then(self.sequence.cmp(&other.sequence))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The queue of timers. Bounded by what sets them: foca has a handful, each suspicion has one.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    /// foca's round of gossip, while there is nothing to tell, and when it was due last.
    resting: Option<(foca::Timer<Member>, Duration)>,
}

impl Timers {
    pub(crate) fn set(&mut self, due: Duration, event: Event) {
        self.sequence += 1;
        let sequence = self.sequence;
        self.heap.push(Reverse(Entry {
            due,
            event,
            sequence,
        }));
    }

    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse(entry)| entry.due)
    }

    /// Takes the first timer that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<Event> {
        if self.next_due()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry.event)
    }

    /// Puts foca's round of gossip aside: it fires again when there is something to tell, at one of
    /// the moments at which it would have fired all the time. An idle node wakes half as often so.
    pub(crate) fn rest(&mut self, round: foca::Timer<Member>, now: Duration) {
        self.resting = Some((round, now));
    }

    /// Whether a round of gossip is put aside.
    pub(crate) const fn is_resting(&self) -> bool {
        self.resting.is_some()
    }

    /// foca asked for another round: the one that was put aside is void.
    pub(crate) fn end_rest(&mut self) {
        self.resting = None;
    }

    /// There is something to tell: the round that was put aside fires at its next moment.
    pub(crate) fn resume(&mut self, every: Duration, now: Duration) {
        let Some((round, last)) = self.resting.take() else {
            return;
        };
        let rounds = now.saturating_sub(last).as_nanos() / every.as_nanos().max(1) + 1;
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        self.set(
            last.saturating_add(every.saturating_mul(rounds)),
            Event::Foca(round),
        );
    }

    /// Drops foca's timers: they belong to an instance that is gone.
    pub(crate) fn drop_foca(&mut self) {
        self.resting = None;
        self.heap
            .retain(|Reverse(entry)| !matches!(entry.event, Event::Foca(_)));
    }

    /// Moves all overdue timers on together, so that the first is due now and the others follow at
    /// the distances they had: as if no time had passed since the first was due.
    pub(crate) fn excuse_lateness(&mut self, now: Duration) {
        let Some(first) = self.next_due().filter(|first| *first < now) else {
            return;
        };
        let lateness = now - first;
        let entries = std::mem::take(&mut self.heap);
        self.heap = entries
            .into_iter()
            .map(|Reverse(mut entry)| {
                if entry.due < now {
                    entry.due += lateness;
                }
                Reverse(entry)
            })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn timers_fire_by_due_time_then_by_the_order_of_foca() {
        let mut timers = Timers::default();
        timers.set(SECOND, Event::Foca(foca::Timer::PeriodicGossip(0)));
        timers.set(SECOND, Event::Foca(foca::Timer::ProbeRandomMember(0)));
        timers.set(SECOND / 2, Event::Reconcile);
        assert_eq!(timers.pop_due(SECOND / 4), None);
        assert_eq!(timers.pop_due(SECOND), Some(Event::Reconcile));
        assert_eq!(
            timers.pop_due(SECOND),
            Some(Event::Foca(foca::Timer::ProbeRandomMember(0)))
        );
        assert_eq!(
            timers.pop_due(SECOND),
            Some(Event::Foca(foca::Timer::PeriodicGossip(0)))
        );
        assert_eq!(timers.pop_due(SECOND), None);
    }

    #[test]
    fn a_round_that_was_put_aside_fires_at_one_of_its_own_moments() {
        let every = SECOND / 5;
        for (now, due) in [(0, 200), (1, 200), (199, 200), (200, 400), (1_050, 1_200)] {
            let mut timers = Timers::default();
            timers.rest(foca::Timer::PeriodicGossip(0), SECOND);
            assert_eq!(timers.next_due(), None);
            timers.resume(every, SECOND + Duration::from_millis(now));
            let due = SECOND + Duration::from_millis(due);
            assert_eq!(timers.next_due(), Some(due), "{now} ms later");
            assert!(!timers.is_resting());
        }
    }

    #[test]
    fn after_a_sleep_distances_are_kept() {
        let mut timers = Timers::default();
        timers.set(SECOND, Event::Reconcile);
        timers.set(SECOND * 3, Event::Seek);
        timers.set(SECOND * 20, Event::Farewell(0));
        timers.excuse_lateness(SECOND * 10);
        assert_eq!(timers.pop_due(SECOND * 10), Some(Event::Reconcile));
        assert_eq!(timers.pop_due(SECOND * 11), None);
        assert_eq!(timers.pop_due(SECOND * 12), Some(Event::Seek));
        assert_eq!(timers.next_due(), Some(SECOND * 20));
    }
}
