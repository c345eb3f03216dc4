//! Variants compared on common seeds: what the experiment asks for, or each axis that has two values.

use std::collections::BTreeMap;

use super::{
    digest::{RunDigest, SeriesDigest},
    values, varied,
};
use crate::{
    results::{Comparison, Kept, Manifest, Point},
    statistics::Paired,
};

/// One comparison of one measure, all other axes being equal.
pub(super) struct Compared {
    pub(super) comparison: Comparison,
    /// The measure, or what of a series.
    pub(super) measure: String,
    /// The other axes that vary.
    pub(super) rest: String,
    pub(super) paired: Paired,
}

impl Compared {
    /// `hold_down: on - off`.
    pub(super) fn what_short(&self) -> String {
        let Comparison { axis, base, other } = &self.comparison;
        format!("{axis}: {other} - {base}")
    }

    /// What the interval says.
    pub(super) fn verdict(&self) -> &'static str {
        match self.paired.difference.excludes_zero() {
            Some(true) => "excludes 0",
            Some(false) => "holds 0",
            None => "n=1: no interval",
        }
    }
}

/// All that there are.
pub(super) fn all(manifest: &Manifest, kept: &Kept, series: &[SeriesDigest]) -> Vec<Compared> {
    let wanted = match manifest.comparisons.is_empty() {
        true => chosen(manifest),
        false => manifest.comparisons.clone(),
    };
    let by_seed = measured(manifest, kept, series);
    let mut found = Vec::new();
    for comparison in &wanted {
        for (measure, points) in &by_seed {
            found.extend(compare(manifest, comparison, measure, points));
        }
    }
    found
}

fn chosen(manifest: &Manifest) -> Vec<Comparison> {
    let of = |axis: &str| match values(manifest, axis)[..] {
        [base, other] => Some(Comparison {
            axis: axis.to_owned(),
            base: base.clone(),
            other: other.clone(),
        }),
        _ => None,
    };
    varied(manifest).into_iter().filter_map(of).collect()
}

/// What is taken of each run's samples.
type Part = (&'static str, fn(&RunDigest) -> f64);

/// By the place of the point, by seed.
type BySeed = Vec<BTreeMap<u64, f64>>;

fn measured(manifest: &Manifest, kept: &Kept, series: &[SeriesDigest]) -> Vec<(String, BySeed)> {
    let mut all = Vec::new();
    for name in kept.measures() {
        let mut points: BySeed = vec![BTreeMap::new(); manifest.points.len()];
        for run in kept.runs() {
            points[run.point].extend(run.measure(&name).map(|value| (run.seed, value)));
        }
        all.push((name, points));
    }
    let parts: [Part; 3] = [
        ("mean", |run| run.mean),
        ("p50", |run| run.p50),
        ("p99", |run| run.p99),
    ];
    for digest in series {
        for (part, of) in parts {
            let by_seed = |run: &RunDigest| (run.seed, of(run));
            let points = digest.points.iter();
            let points = points.map(|point| point.runs.iter().map(by_seed).collect());
            all.push((format!("{}, {part}", digest.name), points.collect()));
        }
    }
    all
}

fn compare(
    manifest: &Manifest,
    comparison: &Comparison,
    measure: &str,
    points: &BySeed,
) -> Vec<Compared> {
    let axis = comparison.axis.as_str();
    let place = |wanted: &Point| {
        let mut all = manifest.points.iter();
        all.position(|point| point == wanted)
    };
    let varied = varied(manifest);
    let fixed: Vec<&str> = manifest
        .points
        .iter()
        .flat_map(|point| point.axes())
        .map(|(name, _)| name.as_str())
        .filter(|name| *name == axis || !varied.contains(name))
        .collect();
    let bases = manifest.points.iter().zip(points);
    bases
        .filter(|(point, _)| point.get(axis) == Some(&comparison.base))
        .filter_map(|(point, base)| {
            let other = place(&point.replaced(axis, &comparison.other))?;
            Some(Compared {
                comparison: comparison.clone(),
                measure: measure.to_owned(),
                rest: point.without(&fixed).to_string(),
                paired: Paired::of(base, &points[other])?,
            })
        })
        .collect()
}
