//! Means, quantiles and comparisons of independent runs, each with a 95 % confidence interval.
//!
//! Seeds are independent of each other; samples within a run are not. So everything here is fed one
//! number a run. No randomness: quantiles have order-statistic intervals, not bootstrapped ones.

mod mean;
mod paired;
mod quantile;

pub use mean::Mean;
pub use paired::Paired;
pub use quantile::{Quantile, quantile_of_sorted};

/// How sure an interval is.
pub const CONFIDENCE: f64 = 0.95;
