//! Containers on several machines with a real engine each, driven by the docker client.
//!
//! One lab for all: machines with engines take a while. Each test has a stack of its own.

#[path = "engines/bad_input.rs"]
mod bad_input;
#[path = "engines/healing.rs"]
mod healing;
#[path = "engines/logs.rs"]
mod logs;
#[path = "engines/registry.rs"]
mod registry;

use std::sync::{Mutex, MutexGuard, PoisonError};

use shoal_tests::Lab;

/// The lab, for one test at a time: they kill its machines. The last one out ends it.
struct Turn(MutexGuard<'static, Shared>);

#[derive(Default)]
struct Shared {
    lab: Option<Lab>,
    is_tried: bool,
    done: usize,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared {
    lab: None,
    is_tried: false,
    done: 0,
});
/// Tests that take a turn.
const TESTS: usize = 11;
const ALL: [usize; 3] = [1, 2, 3];

impl Turn {
    /// Waits for its turn. None: no labs on this machine.
    fn take() -> Option<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut shared.is_tried, true) {
            shared.lab = Lab::up(ALL.len());
        }
        let is_there = shared.lab.is_some();
        is_there.then_some(Self(shared))
    }

    fn lab(&self) -> &Lab {
        self.0.lab.as_ref().expect("a turn has a lab")
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.done += 1;
        if self.0.done == TESTS {
            self.0.lab = None;
        }
    }
}
