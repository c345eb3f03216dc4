//! A quantile, with an interval between two of the numbers themselves (order statistics; David and
//! Nagaraja, *Order Statistics*, 7.1): it holds whatever their distribution is.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::CONFIDENCE;

/// A quantile of independent numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// Interpolated between the two nearest numbers, as numpy, R and Excel do it (R's type 7).
    pub value: f64,
    /// None if there are too few: a median needs 6 numbers, a p99 needs 368.
    pub interval: Option<(f64, f64)>,
}

impl Quantile {
    /// The quantile `p`, from 0 to 1, of finite numbers in any order; none if there are none.
    #[must_use]
    pub fn of(values: &[f64], p: f64) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let value = quantile_of_sorted(&sorted, p)?;
        let interval = ranks(sorted.len(), p).map(|(low, high)| (sorted[low], sorted[high]));
        Some(Self { value, interval })
    }
}

/// The quantile `p`, from 0 to 1, of sorted numbers; none if there are none.
#[must_use]
pub fn quantile_of_sorted(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = p.clamp(0.0, 1.0) * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let share = place - below as f64;
    Some(sorted[below] + (sorted[above] - sorted[below]) * share)
}

/// Places, from 0, of the two sorted numbers between which the quantile lies: the chance that it is
/// below the first, or above the second, is at most 2.5 % each.
fn ranks(n: usize, p: f64) -> Option<(usize, usize)> {
    let below = Binomial::new(p, n as u64).ok()?;
    let tail = (1.0 - CONFIDENCE) / 2.0;
    // How many numbers are below the quantile is binomial. `first(q)` is the fewest with P(B <= k) >= q.
    let first = |enough: &dyn Fn(f64) -> bool| {
        let (mut low, mut high) = (0, n as u64);
        while low < high {
            let middle = low + (high - low) / 2;
            match enough(below.cdf(middle)) {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        usize::try_from(low).ok()
    };
    // P(quantile < X_(l)) = P(B <= l - 1), and P(quantile >= X_(u)) = P(B >= u); ranks from 1.
    let low = first(&|chance| chance > tail)?;
    let high = first(&|chance| chance >= 1.0 - tail)?;
    (low > 0 && high < n).then(|| (low - 1, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upto(n: u32) -> Vec<f64> {
        (1..=n).rev().map(f64::from).collect()
    }

    /// The ranks for medians are in every textbook's table.
    #[test]
    fn medians_have_the_ranks_of_the_tables() {
        let table = [
            (6, (1, 6)),
            (10, (2, 9)),
            (20, (6, 15)),
            (30, (10, 21)),
            (50, (18, 33)),
        ];
        for (n, (low, high)) in table {
            let median = Quantile::of(&upto(n), 0.5).unwrap();
            let expected = (f64::from(low), f64::from(high));
            assert_eq!(median.interval, Some(expected), "{n}");
            assert_eq!(median.value, f64::from(n + 1) / 2.0);
        }
    }

    #[test]
    fn too_few_numbers_have_no_interval() {
        assert_eq!(Quantile::of(&upto(5), 0.5).unwrap().interval, None);
        assert_eq!(Quantile::of(&upto(367), 0.99).unwrap().interval, None);
        assert!(Quantile::of(&upto(368), 0.99).unwrap().interval.is_some());
        assert_eq!(Quantile::of(&upto(367), 0.01).unwrap().interval, None);
        assert!(Quantile::of(&upto(368), 0.01).unwrap().interval.is_some());
        assert_eq!(Quantile::of(&[], 0.5), None);
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        assert_eq!(quantile_of_sorted(&[1.0, 2.0, 3.0, 4.0], 0.25), Some(1.75));
        assert_eq!(quantile_of_sorted(&[5.0], 0.99), Some(5.0));
        let p99 = Quantile::of(&upto(101), 0.99).unwrap().value;
        assert!((p99 - 100.0).abs() < 1e-12, "{p99}");
    }
}
