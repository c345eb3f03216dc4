//! Digests of a keyed state: a root, 256 buckets, and a leaf for each key.
//!
//! Two holders with equal states have equal roots; two with unequal ones find the keys that differ
//! by comparing buckets, then the leaves of the buckets that differ (a Merkle tree of depth two, as
//! in Dynamo's anti-entropy).

use imbl::OrdMap;

/// Number of buckets.
pub const BUCKETS: usize = 256;

/// The digests of a state, kept up to date one key at a time. A copy shares all leaves.
#[derive(Clone, Debug)]
pub struct DigestTree {
    buckets: Vec<u64>,
    /// In the order of buckets: a key begins with its bucket.
    leaves: OrdMap<u64, u64>,
    root: u64,
}

impl Default for DigestTree {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            leaves: OrdMap::new(),
            root: 0,
        }
    }
}

impl DigestTree {
    /// The bucket of a key.
    #[must_use]
    pub fn bucket_of(key: u64) -> usize {
        (key >> 56) as usize
    }

    /// Sets the leaf of a key.
    pub fn set(&mut self, key: u64, leaf: u64) {
        let before = self.leaves.insert(key, leaf).unwrap_or(0);
        self.turn(Self::bucket_of(key), before ^ leaf);
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: u64) {
        if let Some(leaf) = self.leaves.remove(&key) {
            self.turn(Self::bucket_of(key), leaf);
        }
    }

    fn turn(&mut self, bucket: usize, by: u64) {
        self.root ^= share(bucket, self.buckets[bucket]);
        self.buckets[bucket] ^= by;
        self.root ^= share(bucket, self.buckets[bucket]);
    }

    /// The digest of everything. 0 for an empty state.
    #[must_use]
    pub fn root(&self) -> u64 {
        self.root
    }

    /// The digests of all buckets.
    #[must_use]
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// The keys and leaves of a bucket.
    #[must_use]
    pub fn leaves(&self, bucket: usize) -> Vec<(u64, u64)> {
        if bucket >= BUCKETS {
            return Vec::new();
        }
        let first = (bucket as u64) << 56;
        let leaves = self.leaves.range(first..=first | u64::MAX >> 8);
        leaves.map(|(key, leaf)| (*key, *leaf)).collect()
    }

    /// The leaf of a key.
    #[must_use]
    pub fn leaf(&self, key: u64) -> Option<u64> {
        self.leaves.get(&key).copied()
    }
}

/// What a bucket contributes to the root, so that equal digests in different buckets don't cancel.
fn share(bucket: usize, digest: u64) -> u64 {
    if digest == 0 {
        return 0;
    }
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(&(bucket as u64).to_le_bytes())
        .update(&digest.to_le_bytes());
    first_u64(&hasher.finalize())
}

/// A digest of 64 bits: the first of a hash.
pub(super) fn first_u64(hash: &blake3::Hash) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

/// A digest of 128 bits: the first of a hash.
pub(super) fn first_u128(hash: &blake3::Hash) -> u128 {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    u128::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_root_depends_on_the_state_and_not_on_its_history(
            pairs in proptest::collection::btree_map(any::<u64>(), any::<u64>(), 0..50),
            detours in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..50),
        ) {
            let mut straight = DigestTree::default();
            let mut crooked = DigestTree::default();
            for (key, leaf) in &detours {
                crooked.set(*key, *leaf);
            }
            for (key, leaf) in pairs.iter().rev() {
                crooked.set(*key, leaf.wrapping_add(1));
                crooked.set(*key, *leaf);
            }
            for (key, _) in &detours {
                if !pairs.contains_key(key) {
                    crooked.remove(*key);
                }
            }
            for (key, leaf) in &pairs {
                straight.set(*key, *leaf);
            }
            prop_assert_eq!(straight.root(), crooked.root());
            prop_assert_eq!(straight.buckets(), crooked.buckets());
        }
    }
}
