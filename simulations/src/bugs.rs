//! The known bugs that can be put back, by name: what they are, and which rule catches them.
//!
//! A rule that has never failed proves nothing. Only a build with the feature `bugs` has them.

pub use shoal_membership::bugs::Bug;

/// How to build what has the bugs.
pub const COMMAND: &str = "cargo run --release -p shoal-sim --features bugs --";

/// A bug that can be put back.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Which.
    pub bug: Bug,
    /// Its name on the command line.
    pub name: &'static str,
    /// What goes wrong, in one sentence.
    pub what: &'static str,
    /// The rule that catches it, most of the time.
    pub rule: &'static str,
}

/// All of them.
pub const ALL: [Known; 13] = [
    Known {
        bug: Bug::IncarnationNotPersisted,
        name: "incarnation-not-persisted",
        what: "a node forgets its incarnation when its agent stops",
        rule: "no two lives have one incarnation",
    },
    Known {
        bug: Bug::DotsReused,
        name: "dots-reused",
        what: "a store made anew counts its writes from the start, under the old name",
        rule: "no dot names two writes",
    },
    Known {
        bug: Bug::TombstoneDroppedEarly,
        name: "tombstone-dropped-early",
        what: "a removal is forgotten before every member holds it",
        rule: "what was removed stays removed",
    },
    Known {
        bug: Bug::RefutedSuspectToldDead,
        name: "refuted-suspect-told-dead",
        what: "a suspect that answered in time is told that it is dead",
        rule: "only who was taken for dead begins a new life",
    },
    Known {
        bug: Bug::AckBeforeFsync,
        name: "ack-before-fsync",
        what: "an order is acknowledged before it is on a disk",
        rule: "what is acknowledged is on the disk",
    },
    Known {
        bug: Bug::BreakBeforeMake,
        name: "break-before-make",
        what: "a task is stopped before its slot's owner runs one",
        rule: "what runs goes on running",
    },
    Known {
        bug: Bug::CapFromLiveAverage,
        name: "cap-from-live-average",
        what: "a node's load cap follows what it seems to run at the moment, against the mean of all",
        rule: "all nodes make the same plan",
    },
    Known {
        bug: Bug::DigestWithoutTombstones,
        name: "digest-without-tombstones",
        what: "digests leave removed entries out",
        rule: "no acknowledged write is lost",
    },
    Known {
        bug: Bug::RemovalBeatsConcurrentUpdate,
        name: "removal-beats-concurrent-update",
        what: "of an update and a removal that knew nothing of each other, the removal is shown",
        rule: "an update beats a concurrent removal",
    },
    Known {
        bug: Bug::RumourWithoutAntiEntropy,
        name: "rumour-without-anti-entropy",
        what: "what a rumour did not bring is never asked for",
        rule: "nodes agree on members and registry",
    },
    Known {
        bug: Bug::EqualComparedForEver,
        name: "equal-compared-for-ever",
        what: "registries are compared although their roots are equal, again and again",
        rule: "a cluster at rest is quiet",
    },
    Known {
        bug: Bug::SyncsWithoutLimit,
        name: "syncs-without-limit",
        what: "a node compares registries with all who differ at a time",
        rule: "messages and queues stay within their limits",
    },
    Known {
        bug: Bug::SuspectAskedDirectlyOnly,
        name: "suspect-asked-directly-only",
        what: "a suspect that can't be reached is asked by way of nobody else",
        rule: "a healthy member is not removed",
    },
];

/// Whether this build has the bugs.
#[must_use]
pub const fn are_in() -> bool {
    cfg!(feature = "bugs")
}

/// The bug of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Known> {
    ALL.iter().find(|known| known.name == name)
}

/// Does some work on this thread with a bug put back, or without any.
///
/// # Panics
/// If this build has no bugs to put back.
pub fn with<T>(bug: Option<Bug>, work: impl FnOnce() -> T) -> T {
    inject(bug);
    let result = work();
    inject(None);
    result
}

#[cfg(feature = "bugs")]
use shoal_membership::bugs::inject;

#[cfg(not(feature = "bugs"))]
fn inject(bug: Option<Bug>) {
    assert!(bug.is_none(), "built without the feature `bugs`");
}
