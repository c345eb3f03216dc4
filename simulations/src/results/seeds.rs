//! Seeds as ranges, so that a manifest of many seeds stays readable.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Seeds from `first` up to `end`, which is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedRange {
    /// The first.
    pub first: u64,
    /// The one behind the last.
    pub end: u64,
}

impl SeedRange {
    /// The fewest ranges that hold exactly these seeds. The seed `u64::MAX` is none.
    #[must_use]
    pub fn all_of(seeds: &[u64]) -> Vec<Self> {
        let mut ranges: Vec<Self> = Vec::new();
        for &first in &seeds.iter().copied().collect::<BTreeSet<u64>>() {
            let end = first.saturating_add(1);
            match ranges.last_mut() {
                Some(last) if last.end == first => last.end = end,
                _ => ranges.push(Self { first, end }),
            }
        }
        ranges
    }

    /// Whether a seed is in one of these.
    #[must_use]
    pub fn any_holds(ranges: &[Self], seed: u64) -> bool {
        ranges.iter().any(|range| range.holds(seed))
    }

    /// Whether every seed of `inner` is in one of `outer`, both made by [`all_of`](Self::all_of).
    #[must_use]
    pub fn cover(outer: &[Self], inner: &[Self]) -> bool {
        let is_within = |one: &Self, of: &Self| of.first <= one.first && one.end <= of.end;
        inner
            .iter()
            .all(|one| outer.iter().any(|of| is_within(one, of)))
    }

    /// As people write it: `0..100, 205`.
    #[must_use]
    pub fn text(ranges: &[Self]) -> String {
        let one = |range: &Self| match range.end - range.first {
            1 => range.first.to_string(),
            _ => format!("{}..{}", range.first, range.end),
        };
        ranges.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    const fn holds(&self, seed: u64) -> bool {
        self.first <= seed && seed < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_exactly_the_seeds() {
        let ranges = SeedRange::all_of(&[7, 3, 4, 5, 3]);
        assert_eq!(SeedRange::text(&ranges), "3..6, 7");
        for seed in 0..10 {
            let is_in = [3, 4, 5, 7].contains(&seed);
            assert_eq!(SeedRange::any_holds(&ranges, seed), is_in, "{seed}");
        }
        assert!(SeedRange::cover(
            &SeedRange::all_of(&[3, 4, 5, 6, 7]),
            &ranges
        ));
        assert!(!SeedRange::cover(
            &SeedRange::all_of(&[3, 4, 5, 6]),
            &ranges
        ));
        assert!(SeedRange::all_of(&[]).is_empty());
    }
}
