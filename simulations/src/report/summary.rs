//! The summary: for each measure and series, a row a point.
//!
//! Of a measure, mean and quantiles are those of its runs. Of a series, each run's own mean, median and
//! p99 are taken first, and what is shown is their mean over runs: samples within a run depend on each
//! other, runs do not.

use super::digest::{PointDigest, RunDigest, SeriesDigest};
use crate::{
    results::{Kept, Manifest},
    statistics::{Mean, Quantile},
};

/// A measure or a series.
pub(super) struct Block {
    pub(super) name: String,
    pub(super) is_series: bool,
    pub(super) rows: Vec<Row>,
}

/// At one point.
pub(super) struct Row {
    /// The place of the point.
    pub(super) point: usize,
    /// Runs that have it.
    pub(super) n: usize,
    /// Of a measure, runs in which it was not finite; of a series, such samples.
    pub(super) missing: u64,
    /// Nothing of all these if no run has it.
    pub(super) mean: Option<Estimate>,
    pub(super) p50: Option<Estimate>,
    pub(super) p99: Option<Estimate>,
}

/// A number with its 95 % interval, if there are enough runs for one.
#[derive(Clone, Copy)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) interval: Option<(f64, f64)>,
}

impl From<Mean> for Estimate {
    fn from(mean: Mean) -> Self {
        Self {
            value: mean.mean,
            interval: mean.interval(),
        }
    }
}

impl From<Quantile> for Estimate {
    fn from(quantile: Quantile) -> Self {
        Self {
            value: quantile.value,
            interval: quantile.interval,
        }
    }
}

/// All of them: measures first, then series.
pub(super) fn blocks(manifest: &Manifest, kept: &Kept, series: &[SeriesDigest]) -> Vec<Block> {
    let points = 0..manifest.points.len();
    let of_measures = kept.measures().into_iter().map(|name| Block {
        is_series: false,
        rows: points
            .clone()
            .map(|point| measure_row(kept, point, &name))
            .collect(),
        name,
    });
    let of_series = series.iter().map(|digest| Block {
        name: digest.name.clone(),
        is_series: true,
        rows: digest.points.iter().zip(0..).map(series_row).collect(),
    });
    of_measures.chain(of_series).collect()
}

fn measure_row(kept: &Kept, point: usize, name: &str) -> Row {
    let here = || kept.runs().iter().filter(|run| run.point == point);
    let values: Vec<f64> = here().filter_map(|run| run.measure(name)).collect();
    let has = |run: &&crate::results::Run| run.measures.iter().any(|(known, _)| known == name);
    Row {
        point,
        n: values.len(),
        missing: (here().filter(has).count() - values.len()) as u64,
        mean: Mean::of(&values).map(Estimate::from),
        p50: Quantile::of(&values, 0.5).map(Estimate::from),
        p99: Quantile::of(&values, 0.99).map(Estimate::from),
    }
}

fn series_row((digest, point): (&PointDigest, usize)) -> Row {
    let over_runs = |of: fn(&RunDigest) -> f64| {
        let values: Vec<f64> = digest.runs.iter().map(of).collect();
        Mean::of(&values).map(Estimate::from)
    };
    Row {
        point,
        n: digest.runs.len(),
        missing: digest.missing,
        mean: over_runs(|run| run.mean),
        p50: over_runs(|run| run.p50),
        p99: over_runs(|run| run.p99),
    }
}
