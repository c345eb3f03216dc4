//! Containers on several machines with a real engine each, driven by the docker client.
//!
//! One lab for all: machines with engines take a while. Each test has a stack of its own.

#[path = "engines/attaching.rs"]
mod attaching;
#[path = "engines/bad_input.rs"]
mod bad_input;
#[path = "engines/blog.rs"]
mod blog;
#[path = "engines/flags.rs"]
mod flags;
#[path = "engines/follower.rs"]
mod follower;
#[path = "engines/healing.rs"]
mod healing;
#[path = "engines/hostile.rs"]
mod hostile;
#[path = "engines/images.rs"]
mod images;
#[path = "engines/load.rs"]
mod load;
#[path = "engines/logs.rs"]
mod logs;
#[path = "engines/nat.rs"]
mod nat;
#[path = "engines/network.rs"]
mod network;
#[path = "engines/packets.rs"]
mod packets;
#[path = "engines/passing.rs"]
mod passing;
#[path = "engines/plain.rs"]
mod plain;
#[path = "engines/publishing.rs"]
mod publishing;
#[path = "engines/recorded.rs"]
mod recorded;
#[path = "engines/registry.rs"]
mod registry;
#[path = "engines/six.rs"]
mod six;
#[path = "engines/sources.rs"]
mod sources;
#[path = "engines/updating.rs"]
mod updating;

use std::sync::{Mutex, MutexGuard, PoisonError};

use shoal_tests::Lab;

/// The lab, for one test at a time: they kill its machines. It ends with this process.
struct Turn(MutexGuard<'static, Shared>);

struct Shared {
    lab: Option<Lab>,
    is_tried: bool,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared {
    lab: None,
    is_tried: false,
});
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
