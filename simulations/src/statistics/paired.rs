//! Two variants compared on the same seeds: luck that both share falls out (common random numbers).

use std::collections::BTreeMap;

use super::Mean;

/// The mean of differences, seed by seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paired {
    /// Other minus base; `n` is the number of common seeds.
    pub difference: Mean,
    /// Seeds that only one of them has.
    pub unpaired: usize,
}

impl Paired {
    /// Of numbers by seed; none if no seed is common.
    #[must_use]
    pub fn of(base: &BTreeMap<u64, f64>, other: &BTreeMap<u64, f64>) -> Option<Self> {
        let pairs = base
            .iter()
            .filter_map(|(seed, base)| other.get(seed).map(|other| other - base));
        let differences: Vec<f64> = pairs.collect();
        Some(Self {
            unpaired: base.len() + other.len() - 2 * differences.len(),
            difference: Mean::of(&differences)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_seed(values: &[f64]) -> BTreeMap<u64, f64> {
        (0..).zip(values.iter().copied()).collect()
    }

    /// Student's own example: hours of sleep gained with each of two drugs.
    #[test]
    fn sleep_has_the_known_interval() {
        let one = by_seed(&[0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]);
        let two = by_seed(&[1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]);
        let paired = Paired::of(&one, &two).unwrap();
        let (low, high) = paired.difference.interval().unwrap();
        assert!((paired.difference.mean - 1.58).abs() < 1e-9);
        assert!((low - 0.700_114).abs() < 1e-5 && (high - 2.459_886).abs() < 1e-5);
        assert_eq!(paired.difference.excludes_zero(), Some(true));
    }

    #[test]
    fn only_common_seeds_count() {
        let base = BTreeMap::from([(1, 10.0), (2, 20.0), (3, 30.0)]);
        let other = BTreeMap::from([(2, 21.0), (3, 29.0), (4, 99.0)]);
        let paired = Paired::of(&base, &other).unwrap();
        assert_eq!((paired.difference.n, paired.unpaired), (2, 2));
        assert_eq!(paired.difference.mean, 0.0);
        assert_eq!(paired.difference.excludes_zero(), Some(false));
        assert_eq!(Paired::of(&base, &BTreeMap::from([(9, 1.0)])), None);
    }
}
