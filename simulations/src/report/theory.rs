//! What was measured against what theory says at the same place of a figure.

use super::{Results, summary::Estimate};
use crate::results::{Curve, Figure, Point, Shape};

/// One point of a figure that has a curve of theory.
pub(super) struct Against<'a> {
    pub(super) what: &'a str,
    pub(super) form: &'a str,
    pub(super) point: &'a Point,
    pub(super) measured: Estimate,
    pub(super) theory: f64,
}

impl Against<'_> {
    /// Of the measured mean to theory, in per cent of theory; nothing where theory is 0.
    pub(super) fn difference_percent(&self) -> Option<f64> {
        let difference = (self.measured.value / self.theory - 1.0) * 100.0;
        difference.is_finite().then_some(difference)
    }

    /// The same with its sign.
    pub(super) fn difference(&self) -> String {
        let percent = self.difference_percent();
        percent.map_or_else(|| "?".to_owned(), |percent| format!("{percent:+.1} %"))
    }
}

/// All of them, figure by figure.
pub(super) fn all(results: &Results) -> Vec<Against<'_>> {
    let mut all = Vec::new();
    let figures = results.manifest.figures.iter();
    for figure in figures.filter(|figure| figure.shape == Shape::Line) {
        for curve in &figure.theory {
            all.extend(of_curve(results, figure, curve));
        }
    }
    all
}

fn of_curve<'a>(results: &'a Results, figure: &'a Figure, curve: &'a Curve) -> Vec<Against<'a>> {
    let mut blocks = results.blocks.iter();
    let Some(block) = blocks.find(|block| block.name == figure.what) else {
        return Vec::new();
    };
    let along = figure.along.as_deref().unwrap_or_default();
    let rows = block.rows.iter().filter_map(|row| {
        let point = &results.manifest.points[row.point];
        let x = point.get(along)?.number()?;
        if !curve.is_about(point) {
            return None;
        }
        let (_, theory) = curve.points.iter().find(|(known, _)| *known == x)?;
        Some(Against {
            what: &figure.what,
            form: &curve.name,
            point,
            measured: row.mean?,
            theory: *theory,
        })
    });
    rows.collect()
}
