//! What happens at this moment on this thread: the clock and the speaker of every log line.

use std::{cell::Cell, time::Duration};

thread_local! {
    static MOMENT: Cell<(Duration, usize)> = const { Cell::new((Duration::ZERO, 0)) };
}

/// When the event that this thread is at takes place, since the beginning of its world, and on which
/// machine. Of the last event, between two of them.
#[must_use]
pub fn moment() -> (Duration, usize) {
    MOMENT.get()
}

/// An event begins.
pub(crate) fn is(at: Duration, machine: usize) {
    MOMENT.set((at, machine));
}
