//! Finding what two peers do not both have, in two short exchanges, without state at the one asked.
//!
//! The asker sends bucket digests (2 KiB a state); the other answers with the leaves of the buckets
//! that differ; the asker sends what the other lacks and names what it wants itself. Amounts are
//! bounded: what does not fit is found again by the next exchange, since the roots still differ.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};

use super::{Answer, Question};
use crate::{
    observed::{Observed, Record},
    registry::{BUCKETS, DigestTree, Registry, SignedBytes},
};

/// Most leaves in one answer.
const LEAVES_MAX: usize = 20_000;
/// Most bytes of writes and records in one message: 1 MiB, and one entry more.
const TRADE_BYTES_MAX: usize = 1024 * 1024;
/// Most keys wanted in one message.
const WANTED_MAX: usize = 4_096;

/// Leaves of one bucket: (digest of the key, digest of its state).
pub type BucketLeaves = (u8, Vec<(u64, u64)>);

/// Where two peers differ, as the one asked sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Differences {
    /// Buckets of the desired state that differ.
    pub desired: Vec<BucketLeaves>,
    /// Buckets of the observed state that differ.
    pub observed: Vec<BucketLeaves>,
    /// The member list, encoded, where it differs. Empty: it does not.
    pub members: Vec<u8>,
    /// Whether the one asked has synced itself, so that what it lacks is not to be had.
    pub is_settled: bool,
}

/// The question that opens an exchange.
#[must_use]
pub fn compare_with(registry: &Registry, observed: &Observed, members: u64) -> Question {
    Question::Compare {
        desired: registry.digests().buckets().to_vec(),
        observed: observed.digests().buckets().to_vec(),
        members,
    }
}

/// Answers `Compare`, but for the members.
#[must_use]
pub fn find_differences(
    registry: &Registry,
    observed: &Observed,
    desired_buckets: &[u64],
    observed_buckets: &[u64],
) -> Differences {
    Differences {
        desired: differing_buckets(registry.digests(), desired_buckets),
        observed: differing_buckets(observed.digests(), observed_buckets),
        members: Vec::new(),
        is_settled: false,
    }
}

fn differing_buckets(ours: &DigestTree, theirs: &[u64]) -> Vec<BucketLeaves> {
    if theirs.len() != BUCKETS {
        return Vec::new();
    }
    let mut budget = LEAVES_MAX;
    let mut differing = Vec::new();
    for (index, digest) in ours.buckets().iter().enumerate() {
        let Ok(bucket) = u8::try_from(index) else {
            break;
        };
        if theirs[index] == *digest {
            continue;
        }
        let leaves = ours.leaves(index);
        if leaves.len() > budget && !differing.is_empty() {
            break;
        }
        budget = budget.saturating_sub(leaves.len());
        differing.push((bucket, leaves));
    }
    differing
}

/// What the asker sends, and what it wants.
#[derive(Clone, Debug, Default)]
pub struct Trade {
    /// Writes that the other lacks.
    pub writes: Vec<SignedBytes>,
    /// Records that the other lacks.
    pub records: Vec<Record>,
    /// Digests of keys whose writes are wanted.
    pub want_writes: Vec<u64>,
    /// Digests of names whose records are wanted.
    pub want_records: Vec<u64>,
}

impl Trade {
    /// Whether more is wanted than one message may ask for.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.want_writes.len() >= WANTED_MAX || self.want_records.len() >= WANTED_MAX
    }

    /// Works out what to send and what to want from where the other says that we differ.
    #[must_use]
    pub fn of(registry: &Registry, observed: &Observed, differences: &Differences) -> Self {
        let (push, want_writes) = sides(registry.digests(), &differences.desired);
        let (push_records, want_records) = sides(observed.digests(), &differences.observed);
        Self {
            writes: writes_of(registry, &push),
            records: records_of(observed, &push_records),
            want_writes,
            want_records,
        }
    }
}

/// Of the buckets named, our keys that the other lacks or has otherwise, and the converse.
fn sides(ours: &DigestTree, theirs: &[BucketLeaves]) -> (Vec<u64>, Vec<u64>) {
    let (mut push, mut want) = (Vec::new(), Vec::new());
    // Each bucket once, however often it is named.
    let theirs: BTreeMap<u8, &Vec<(u64, u64)>> = theirs
        .iter()
        .map(|(bucket, leaves)| (*bucket, leaves))
        .collect();
    for (bucket, leaves) in &theirs {
        let theirs: BTreeMap<u64, u64> = leaves.iter().copied().collect();
        let held = ours.leaves(usize::from(*bucket));
        push.extend(
            held.iter()
                .filter(|(key, leaf)| theirs.get(key) != Some(leaf))
                .map(|(key, _)| *key),
        );
        want.extend(
            theirs
                .iter()
                .filter(|(key, leaf)| ours.leaf(**key) != Some(**leaf))
                .map(|(key, _)| *key),
        );
    }
    want.truncate(WANTED_MAX);
    (push, want)
}

/// Answers `Trade`, after what was sent has been taken in.
#[must_use]
pub fn answer_trade(
    registry: &Registry,
    observed: &Observed,
    want_writes: &[u64],
    want_records: &[u64],
) -> Answer {
    let first = |wanted: &[u64]| wanted[..wanted.len().min(WANTED_MAX)].to_vec();
    Answer::Traded {
        writes: writes_of(registry, &first(want_writes)),
        records: records_of(observed, &first(want_records)),
    }
}

/// The writes under these keys, as many as fit. Admissions and revocations come first: without
/// them the other could not take in the rest.
fn writes_of(registry: &Registry, digests: &[u64]) -> Vec<SignedBytes> {
    let mut keys: Vec<_> = digests
        .iter()
        .filter_map(|one| registry.key_of_digest(*one))
        .collect();
    keys.sort_by_key(|key| (!matches!(key.kind.as_str(), "member" | "revocation"), *key));
    let mut budget = TRADE_BYTES_MAX;
    let mut writes = Vec::new();
    // Siblings merge one by one: an entry need not travel whole.
    let entries = keys.into_iter().filter_map(|key| registry.entry(key));
    for signed in entries.flat_map(|entry| entry.siblings()) {
        let bytes = signed.to_bytes();
        if bytes.len() > budget && !writes.is_empty() {
            break;
        }
        budget = budget.saturating_sub(bytes.len());
        writes.push(bytes);
    }
    writes
}

/// The records under these names, as many as fit.
fn records_of(observed: &Observed, digests: &[u64]) -> Vec<Record> {
    let mut budget = TRADE_BYTES_MAX;
    let mut records = Vec::new();
    for record in digests.iter().filter_map(|one| observed.by_digest(*one)) {
        if record.body.len() > budget && !records.is_empty() {
            break;
        }
        budget = budget.saturating_sub(record.body.len());
        records.push(record.clone());
    }
    records
}
