//! A pass over all samples: what each run's series come to, and a thinned distribution of each point.
//!
//! However many samples there are, what is held of a run is bounded.

use crate::{
    results::{Kept, ResultsError},
    statistics::quantile_of_sorted,
};

/// Of a run's sorted samples so many are held, evenly spaced, for the distribution.
const HELD_MAX: usize = 2_000;

/// A series at all points.
pub(super) struct SeriesDigest {
    pub(super) name: String,
    /// By the place of the point.
    pub(super) points: Vec<PointDigest>,
}

/// A series at one point.
#[derive(Clone, Default)]
pub(super) struct PointDigest {
    pub(super) runs: Vec<RunDigest>,
    /// Values by size, each with the number of samples that it stands for.
    pub(super) distribution: Vec<(f64, f64)>,
    pub(super) samples: u64,
    pub(super) missing: u64,
}

/// A series of one run.
#[derive(Clone, Copy)]
pub(super) struct RunDigest {
    pub(super) seed: u64,
    pub(super) mean: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// Reads all samples, a run at a time.
pub(super) fn all(kept: &Kept, points: usize) -> Result<Vec<SeriesDigest>, ResultsError> {
    let empty = |name: String| SeriesDigest {
        name,
        points: vec![PointDigest::default(); points],
    };
    let mut digests: Vec<SeriesDigest> = kept.series().into_iter().map(empty).collect();
    for run in kept.runs() {
        for series in kept.samples(run)? {
            let digest = digests.iter_mut().find(|digest| digest.name == series.name);
            if let Some(digest) = digest {
                digest.points[run.point].add(run.seed, &series.values);
            }
        }
    }
    for point in digests.iter_mut().flat_map(|digest| &mut digest.points) {
        point.distribution.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    Ok(digests)
}

impl PointDigest {
    fn add(&mut self, seed: u64, values: &[Option<f64>]) {
        let mut sorted: Vec<f64> = values.iter().flatten().copied().collect();
        sorted.sort_by(f64::total_cmp);
        self.samples += sorted.len() as u64;
        self.missing += (values.len() - sorted.len()) as u64;
        let quantile = |p| quantile_of_sorted(&sorted, p);
        let (Some(p50), Some(p99)) = (quantile(0.5), quantile(0.99)) else {
            return;
        };
        let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
        self.runs.push(RunDigest {
            seed,
            mean,
            p50,
            p99,
        });
        let held = sorted.len().min(HELD_MAX);
        let weight = sorted.len() as f64 / held as f64;
        let last = sorted.len() - 1;
        let picked = (0..held).map(|place| match held {
            1 => sorted[last],
            // The first and the last are always among them.
            _ => sorted[place * last / (held - 1)],
        });
        self.distribution
            .extend(picked.map(|value| (value, weight)));
    }
}
