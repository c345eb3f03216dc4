//! Which node a slot likes best: weighted rendezvous hashing.
//!
//! `score = -weight / log2(u)`, where u is the hash of (service, slot, node) mapped to (0, 1). Each
//! node wins a share of the slots in proportion to its weight, and when one leaves, only its own
//! slots change hands (Thaler and Ravishankar 1998; the weighted form is Schindelhauer and
//! Schomaker's, 2005). The choice of the logarithm's base changes no order.
//!
//! The layout, part of placement version 1 (`vectors/hash.json`):
//!
//! - slot hash: XXH3-64, seed 0, of the service id (16 bytes, big endian) and the slot number
//!   (8 bytes, little endian; 0 for a global service)
//! - node hash: XXH3-64, seed 0, of the node id (16 bytes)
//! - pair hash: the finaliser of SplitMix64 over (slot hash XOR node hash)
//! - score: `(weight in thousandths x 2^69) / -log2(pair hash)`, at most 2^64 - 2

use shoal_membership::NodeId;
use xxhash_rust::xxh3::xxh3_64;

use super::{logarithm::negative_log2, weight::Weight};
use crate::task::{ServiceId, Slot};

/// The highest score of a pair. One more is kept for slots that have no choice.
pub(super) const MAX_SCORE: u64 = u64::MAX - 1;
const SHIFT: u32 = 69;

/// How much a slot prefers a node; higher is better. Of equal ones the smaller node id is better.
#[must_use]
pub fn score(service: ServiceId, slot: Slot, node: NodeId, weight: Weight) -> u64 {
    let number = match slot {
        Slot::Number(number) => number,
        Slot::Node(_) => 0,
    };
    score_of(
        weight,
        pair_hash(slot_hash(service, number), node_hash(node)),
    )
}

/// The hash of one slot of a service.
#[must_use]
pub(super) fn slot_hash(service: ServiceId, number: u64) -> u64 {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&service.0.to_be_bytes());
    bytes[16..].copy_from_slice(&number.to_le_bytes());
    xxh3_64(&bytes)
}

/// The hash of a node.
#[must_use]
pub(super) fn node_hash(node: NodeId) -> u64 {
    xxh3_64(node.as_bytes())
}

/// The hash of a slot and a node together.
#[inline]
#[must_use]
pub(super) fn pair_hash(slot_hash: u64, node_hash: u64) -> u64 {
    let mut mixed = slot_hash ^ node_hash;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The score that a pair of this hash has on a node of this weight. Never falls with the hash.
#[must_use]
pub(super) fn score_of(weight: Weight, pair_hash: u64) -> u64 {
    let scaled = u128::from(weight.thousandths()) << SHIFT;
    let score = scaled / u128::from(negative_log2(pair_hash));
    u64::try_from(score).map_or(MAX_SCORE, |score| score.min(MAX_SCORE))
}

/// The smallest hash that has at least this score. None: no hash has.
pub(super) fn least_hash(weight: Weight, score: u64) -> Option<u64> {
    if score_of(weight, u64::MAX) < score {
        return None;
    }
    let (mut low, mut high) = (0, u64::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if score_of(weight, middle) >= score {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn weight() -> impl Strategy<Value = Weight> {
        (10_u32..=100_000).prop_map(|thousandths| {
            Weight::parse(&format!("{}.{:03}", thousandths / 1000, thousandths % 1000)).unwrap()
        })
    }

    proptest! {
        #[test]
        fn a_higher_hash_never_scores_less(weight in weight(), a: u64, b: u64) {
            prop_assert!(score_of(weight, a.min(b)) <= score_of(weight, a.max(b)));
        }

        #[test]
        fn the_least_hash_is_the_border(weight in weight(), level in 0_u32..64) {
            let score = 1 << level;
            match least_hash(weight, score) {
                Some(0) => prop_assert!(score_of(weight, 0) >= score),
                Some(hash) => {
                    prop_assert!(score_of(weight, hash) >= score);
                    prop_assert!(score_of(weight, hash - 1) < score);
                }
                None => prop_assert!(score_of(weight, u64::MAX) < score),
            }
        }
    }

    #[test]
    fn shares_follow_the_weights() {
        let nodes = [1_u8, 2, 3].map(|byte| NodeId::from_bytes([byte; 16]));
        let weights = ["1", "2", "5"].map(|text| Weight::parse(text).unwrap());
        let mut wins = [0_u32; 3];
        for number in 1..=8000 {
            let best = (0..3)
                .max_by_key(|&index| {
                    let slot = Slot::Number(number);
                    score(ServiceId(7), slot, nodes[index], weights[index])
                })
                .unwrap();
            wins[best] += 1;
        }
        for (won, share) in wins.into_iter().zip([1000_u32, 2000, 5000]) {
            assert!(won.abs_diff(share) < 150, "{wins:?}");
        }
    }
}
