//! Coverage marks: rare branches of the product, and in how many runs each was reached.
//!
//! A search for faults that never gets where it is difficult proves nothing. Each mark is a log line of
//! the product, at the branch itself; a subscriber that formats nothing counts in how many runs it was
//! spoken. (The idea of marks by log lines is matklad's, "Coverage Marks", 2020, after `SQLite`'s
//! `testcase()`.) A test keeps the list true: a line that is not in the product any more is named.

use std::{cell::RefCell, collections::HashMap, fmt};

use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    callsite::Identifier,
    field::{Field, Visit},
    span,
    subscriber::Interest,
};

/// Rare branches, by the words of their log lines, or the words of why.
pub const MARKS: [&str; 31] = [
    // membership
    "was stopped or starved; accuses nobody for it",
    "takes this node for down",
    "no longer suspected",
    "begins a new life",
    // rumours and anti-entropy
    "compares registries",
    "nobody answered since the start: goes by what is on its own disk",
    // the registry
    "writes that knew nothing of each other stand side by side",
    "a write was not taken in",
    "writes that no longer count are dropped",
    "tombstones that all have seen are forgotten",
    "a node unknown here showed its admission",
    // disks
    "this node's disk is older than its writes: it writes under a new name",
    "this node's disk is older than what it did before",
    "the disk did not take a write; it is tried again",
    "fewer disks than asked for hold a write",
    // tasks
    "adopts a task",
    "waits before it takes a slot over",
    "takes a slot over",
    "refuses a slot",
    "a refusal is withdrawn",
    "a task that was given up runs after all: stopping it",
    "slot no longer exists",
    "service removed",
    "its owner runs it now",
    "a better-placed node runs it too",
    "its owner is another node",
    "replaced by an update",
    "the slot has another task",
    "node leaves",
    // orders
    "too many writes wait; a finding is not written now",
    "not heard of for very long: it is taken off the roster",
];

thread_local! {
    /// Which mark each place in the code is, once it was there.
    static PLACES: RefCell<HashMap<Identifier, Spoken>> = RefCell::default();
    static REACHED: RefCell<[bool; MARKS.len()]> = const { RefCell::new([false; MARKS.len()]) };
}

#[derive(Clone, Copy, Debug)]
enum Spoken {
    /// No mark.
    Nothing,
    /// This one.
    Mark(usize),
    /// Depends on why.
    Why,
}

/// Counts marks. One for the whole program; threads are told apart.
#[derive(Debug)]
struct Counter;

/// How often each mark was reached.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// Runs that reached it, by [`MARKS`].
    pub runs: [u64; MARKS.len()],
    /// Runs.
    pub of: u64,
}

impl Reached {
    /// Adds what a run reached.
    pub fn add(&mut self, run: &[bool; MARKS.len()]) {
        self.of += 1;
        for (count, is_reached) in self.runs.iter_mut().zip(run) {
            *count += u64::from(*is_reached);
        }
    }
}

/// Does something on this thread, and says which marks it reached. Of several threads that run the
/// product at a time, all must do it in here: `tracing` forgets places that were first reached by one
/// that does not listen.
pub fn reached<T>(run: impl FnOnce() -> T) -> (T, [bool; MARKS.len()]) {
    REACHED.with_borrow_mut(|marks| marks.fill(false));
    let result = tracing::dispatcher::with_default(&Dispatch::new(Counter), run);
    (result, REACHED.with_borrow(|marks| *marks))
}

impl Subscriber for Counter {
    fn register_callsite(&self, place: &'static Metadata<'static>) -> Interest {
        match self.enabled(place) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, place: &Metadata<'_>) -> bool {
        place.is_event() && *place.level() <= Level::DEBUG && place.target().starts_with("shoal")
    }

    fn event(&self, event: &Event<'_>) {
        let place = event.metadata().callsite();
        let known = PLACES.with_borrow(|places| places.get(&place).copied());
        let spoken = known.unwrap_or_else(|| {
            let spoken = read(event, "message").map_or(Spoken::Why, Spoken::Mark);
            let has_why = event.metadata().fields().field("why").is_some();
            let spoken = match spoken {
                Spoken::Why if !has_why => Spoken::Nothing,
                spoken => spoken,
            };
            PLACES.with_borrow_mut(|places| places.insert(place, spoken));
            spoken
        });
        let mark = match spoken {
            Spoken::Nothing => None,
            Spoken::Mark(mark) => Some(mark),
            Spoken::Why => read(event, "why"),
        };
        if let Some(mark) = mark {
            REACHED.with_borrow_mut(|marks| marks[mark] = true);
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The mark whose words a field of an event says.
fn read(event: &Event<'_>, name: &'static str) -> Option<usize> {
    let mut words = Words {
        name,
        said: String::new(),
    };
    event.record(&mut words);
    MARKS.iter().position(|mark| *mark == words.said)
}

struct Words {
    name: &'static str,
    said: String,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.name {
            value.clone_into(&mut self.said);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == self.name {
            self.said = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_counted_once_a_run_and_by_the_thread_that_said_it() {
        let speak = || {
            for _ in 0..2 {
                tracing::debug!(target: "shoal_x", number = 1, "refuses a slot");
                tracing::info!(target: "shoal_x", why = "service removed", "stopping a task");
                tracing::info!(target: "shoal_x", why = "of something else", "stopping a task");
                tracing::info!(target: "another", "takes a slot over");
            }
        };
        let elsewhere = || tracing::debug!(target: "shoal_x", "adopts a task");
        let ((), reached) = super::reached(|| {
            speak();
            std::thread::spawn(elsewhere).join().unwrap();
        });
        let names: Vec<&str> = MARKS
            .into_iter()
            .zip(reached)
            .filter_map(|(mark, is_reached)| is_reached.then_some(mark))
            .collect();
        assert_eq!(names, ["refuses a slot", "service removed"]);
        let mut all = Reached::default();
        all.add(&reached);
        all.add(&super::reached(|| ()).1);
        assert_eq!((all.of, all.runs.iter().sum::<u64>()), (2, 2));
    }
}
