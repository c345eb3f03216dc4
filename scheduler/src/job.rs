//! Jobs: services whose tasks run to their end, each a number of times in all.
//!
//! A job has as many slots as it may have tasks at a time, and the runs are dealt out to them like cards: run `r` of
//! a job with `s` slots is slot `(r - 1) % s + 1`'s. So no two nodes ever have to agree on who takes the next run, no
//! run is made twice while nothing fails, and no more run than may. The price: a slot with slow runs is not helped by
//! the others. How many of its runs a slot has behind it is written down by the node that ran them, under a key of its
//! own, which only grows.

use std::{collections::BTreeMap, hash::Hasher};

use xxhash_rust::xxh3::Xxh3;

use crate::task::Slot;

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// Runs in all; of a global job, one for each node.
    pub completions: u64,
    /// Slots; of a global job, any number.
    pub slots: u64,
    /// Runs of each slot that are behind it.
    pub behind: BTreeMap<Slot, u64>,
    /// Runs among those that did not end well.
    pub failed: u64,
}

impl Job {
    /// The next run of a slot. None: all are behind it.
    #[must_use]
    pub fn next(&self, slot: Slot) -> Option<u64> {
        let behind = self.behind.get(&slot).copied().unwrap_or(0);
        match slot {
            Slot::Node(_) => (behind == 0).then_some(1),
            Slot::Number(number) => {
                let run = behind.checked_mul(self.slots)?.checked_add(number)?;
                (run <= self.completions).then_some(run)
            }
        }
    }

    /// How many runs of its slot are behind it when this one is.
    #[must_use]
    pub fn behind_after(&self, slot: Slot, run: u64) -> u64 {
        match slot {
            Slot::Node(_) => 1,
            Slot::Number(number) => run.saturating_sub(number) / self.slots.max(1) + 1,
        }
    }

    /// Runs that ended well.
    #[must_use]
    pub fn completed(&self) -> u64 {
        let behind: u64 = self.behind.values().sum();
        behind.saturating_sub(self.failed)
    }

    /// The fingerprint of the template of one run: each is a task of its own, which restarts by itself.
    #[must_use]
    pub fn template(template: u64, run: u64) -> u64 {
        let mut hash = Xxh3::new();
        hash.write_u64(template);
        hash.write_u64(run);
        hash.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_is_one_slots_and_all_are_made() {
        for (slots, completions) in [(1, 1), (2, 5), (3, 3), (4, 9), (5, 2)] {
            let mut job = Job {
                completions,
                slots: slots.min(completions),
                ..Job::default()
            };
            let mut runs = Vec::new();
            for number in 1..=job.slots {
                let slot = Slot::Number(number);
                while let Some(run) = job.next(slot) {
                    runs.push(run);
                    let behind = job.behind_after(slot, run);
                    job.behind.insert(slot, behind);
                }
            }
            runs.sort_unstable();
            assert_eq!(runs, (1..=completions).collect::<Vec<_>>());
            assert_eq!(job.completed(), completions);
        }
    }

    #[test]
    fn a_global_job_runs_once_on_each_node() {
        let mut job = Job::default();
        let slot = Slot::Node(shoal_membership::NodeId::from_bytes([1; 16]));
        assert_eq!(job.next(slot), Some(1));
        job.behind.insert(slot, job.behind_after(slot, 1));
        assert_eq!(job.next(slot), None);
        assert_ne!(Job::template(7, 1), Job::template(7, 2));
    }
}
