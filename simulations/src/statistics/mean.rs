//! A mean, with the interval of Student's t (Student 1908): for numbers that are about normal, or many.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::CONFIDENCE;

/// A mean of independent numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// How many numbers.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// The interval is the mean give or take this. None for a single number.
    pub half_width: Option<f64>,
}

impl Mean {
    /// Of finite numbers; none if there are none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let half_width = (n > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let freedom = (n - 1) as f64;
            t_two_sided(freedom) * (squares / freedom / n as f64).sqrt()
        });
        Some(Self {
            n,
            mean,
            half_width,
        })
    }

    /// From where to where the interval goes, if there is one.
    #[must_use]
    pub fn interval(&self) -> Option<(f64, f64)> {
        let half = self.half_width?;
        Some((self.mean - half, self.mean + half))
    }

    /// Whether 0 is outside of the interval. None if there is no interval.
    #[must_use]
    pub fn excludes_zero(&self) -> Option<bool> {
        let (low, high) = self.interval()?;
        Some(low > 0.0 || high < 0.0)
    }
}

/// So many standard errors to either side hold [`CONFIDENCE`]. NaN can't happen: `freedom` is at least 1.
fn t_two_sided(freedom: f64) -> f64 {
    let upper = f64::midpoint(1.0, CONFIDENCE);
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |t| t.inverse_cdf(upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the printed tables of Student's distribution.
    #[test]
    fn the_factors_are_those_of_the_tables() {
        let table = [
            (1.0, 12.706_205),
            (2.0, 4.302_653),
            (9.0, 2.262_157),
            (29.0, 2.045_230),
            (1_000.0, 1.962_339),
        ];
        for (freedom, factor) in table {
            let found = t_two_sided(freedom);
            assert!((found - factor).abs() < 1e-5, "{freedom}: {found}");
        }
    }

    #[test]
    fn one_to_ten_has_the_known_interval() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        let mean = Mean::of(&values).unwrap();
        assert_eq!((mean.n, mean.mean), (10, 5.5));
        assert!(
            (mean.half_width.unwrap() - 2.165_85).abs() < 1e-5,
            "{mean:?}"
        );
        assert_eq!(mean.excludes_zero(), Some(true));
    }

    #[test]
    fn one_number_has_no_interval_and_none_has_no_mean() {
        let one = Mean::of(&[3.0]).unwrap();
        assert_eq!(
            (one.mean, one.half_width, one.excludes_zero()),
            (3.0, None, None)
        );
        assert_eq!(Mean::of(&[]), None);
        assert_eq!(Mean::of(&[2.0, 2.0]).unwrap().half_width, Some(0.0));
    }
}
