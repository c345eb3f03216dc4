//! Known bugs, put back one at a time: the simulator must find each of them, or it proves nothing
//! about those that nobody knows (after openraft's `tests-turmoil`).
//!
//! For tests only. Without the feature `bugs`, which nothing turns on but a test of the simulator,
//! [`is`] is the constant `false`: every place that asks it is what it would be without asking.

/// A bug that was made before, here or elsewhere, and what it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// What a node reserves of its incarnations never reaches the disk, so its next life begins where
    /// the last one began, and nobody heeds what it says: they know later reports of the same life.
    /// Breaks: an incarnation is persisted. Known from foca (issue 25: identities that wrap around)
    /// and Corrosion, whose identities came from a clock that a Raspberry Pi does not have.
    IncarnationNotPersisted,
    /// A store made anew goes on under the old generation and counts from the start. Breaks: a dot is
    /// never used twice. Known from Riak, where a replica that lost its data and kept its actor id
    /// had new writes dropped as old ones (riak_kv issue 679).
    DotsReused,
    /// A removal is forgotten at the next look, without waiting until every member holds it. Breaks:
    /// what was removed stays removed. Known from Cassandra (`gc_grace_seconds`) and Akka Distributed
    /// Data, where a node that returns after the pruning brings removed things back.
    TombstoneDroppedEarly,
    /// A suspect that refuted the suspicion in time is told that it is dead all the same, and begins a
    /// new life for nothing. Breaks: only silence ends a life. Known from foca 2.0.0
    /// (`Timer::ChangeSuspectToDown`), measured here with 1,000 nodes.
    RefutedSuspectToldDead,
    /// An order is acknowledged, and its write sent, while it is on its way to the disk. Breaks: an
    /// acknowledged write is on a disk. Known from Elasticsearch 1.5, which put its log on the disk every
    /// 5 s and answered at once (Jepsen, 2015).
    AckBeforeFsync,
    /// A node stops a task that is no longer its own without waiting until the owner's runs. Breaks:
    /// what runs goes on running. Known from Docker Swarm's default update order, `stop-first`.
    BreakBeforeMake,
    /// A node's load cap (and with it its weight) follows what it runs at the moment against what the
    /// others run, as the node that plans believes. Breaks: placement is a function of what all know
    /// alike. Known from "Consistent Hashing with Bounded Loads" (2016) as balancers build it: each
    /// caps by the load that it sees itself (HAProxy's `hash-balance-factor`), so no two agree.
    CapFromLiveAverage,
    /// Digests leave removed entries out, so nobody notices that it missed a removal. Breaks: equal
    /// digests mean equal state. What Cassandra's repair avoids: its hash trees cover tombstones.
    DigestWithoutTombstones,
    /// Of an update and a removal that knew nothing of each other, the removal is shown. Breaks: an
    /// update beats a concurrent removal. Known from sets in which removals win, and its cure, the
    /// observed-remove set ("A comprehensive study of CRDTs", 2011, section 3.3.5).
    RemovalBeatsConcurrentUpdate,
    /// Roots that differ are left at that: what a rumour did not bring never comes. Breaks:
    /// anti-entropy is enough alone. Known from "Epidemic Algorithms for Replicated Database
    /// Maintenance" (1987): rumours die before everybody has heard them.
    RumourWithoutAntiEntropy,
    /// Registries are compared although the roots are equal, and again at once. Breaks: a cluster at
    /// rest is quiet. Once was one here: two nodes, each of which took the other for the one behind.
    EqualComparedForEver,
    /// A node compares with everybody who differs, at a time. Breaks: every queue has an end. What
    /// a retry without a limit does on the day on which a partition heals.
    SyncsWithoutLimit,
    /// A suspect is asked directly only, which never arrives between two members behind NATs. Breaks: a
    /// healthy member is not removed. Once was so here: 54 times a node and hour, with half of 40 nodes
    /// behind NATs.
    SuspectAskedDirectlyOnly,
}

#[cfg(feature = "bugs")]
mod injected {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static INJECTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Puts a bug back in everything that runs on this thread, instead of the one before; or none.
    pub fn inject(bug: Option<Bug>) {
        INJECTED.set(bug);
    }

    /// Whether this bug was put back on this thread.
    #[must_use]
    pub fn is(bug: Bug) -> bool {
        INJECTED.get() == Some(bug)
    }
}

#[cfg(feature = "bugs")]
pub use injected::{inject, is};

/// Whether this bug was put back: never, without the feature `bugs`.
#[cfg(not(feature = "bugs"))]
#[inline(always)]
#[must_use]
pub const fn is(_bug: Bug) -> bool {
    false
}
