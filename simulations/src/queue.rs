//! What is to happen, in the order of time; at one moment, in the order in which it was planned.
//!
//! Events are large and a heap moves what it holds, so the heap holds places and the events stay
//! where they are.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

/// A queue of events.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Reverse<(Duration, u64, usize)>>,
    places: Vec<Option<T>>,
    free: Vec<usize>,
    planned: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            places: Vec::new(),
            free: Vec::new(),
            planned: 0,
        }
    }
}

impl<T> Queue<T> {
    /// Plans an event.
    pub(crate) fn push(&mut self, at: Duration, event: T) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(event);
        self.planned += 1;
        self.heap.push(Reverse((at, self.planned, place)));
    }

    /// When the next event is.
    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }
    /// Takes out the next event and its time.
    pub(crate) fn pop(&mut self) -> Option<(Duration, T)> {
        let Reverse((at, _, place)) = self.heap.pop()?;
        let event = self.places[place].take()?;
        self.free.push(place);
        Some((at, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_as_they_were_planned() {
        let mut queue = Queue::default();
        let second = Duration::from_secs(1);
        for (at, name) in [(2, "c"), (1, "a"), (2, "d"), (1, "b")] {
            queue.push(second * at, name);
        }
        assert_eq!(queue.next_at(), Some(second));
        assert_eq!(queue.pop(), Some((second, "a")));
        queue.push(second * 2, "e");
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop())
            .map(|(_, name)| name)
            .collect();
        assert_eq!(rest, ["b", "c", "d", "e"]);
        assert_eq!(queue.places.len(), 4, "places are used again");
    }
}
