//! From results to a chart: which numbers a figure's curves go through.

use super::{Results, digest::PointDigest, figures::rest, summary::Row, values};
use crate::{
    chart::{Chart, Dot, Look, Plotted, Scale, svg},
    results::{Figure, Point, Shape, Value},
};

/// Steps of a distribution that are drawn.
const STEPS_MAX: usize = 500;

/// A figure at one combination of the axes that it does not show: its title and picture, or nothing if
/// there is not a number in it.
pub(super) fn draw(results: &Results, figure: &Figure, panel: &Point) -> Option<(String, String)> {
    let mut curves = match figure.shape {
        Shape::Cdf => distributions(results, figure, panel),
        Shape::Line | Shape::Dots => means(results, figure, panel),
    };
    if curves.iter().all(|curve| curve.dots.is_empty()) {
        return None;
    }
    let here = figure.theory.iter().filter(|curve| curve.holds_at(panel));
    curves.extend(here.map(theory));
    let panel = panel.to_string();
    let title = match panel.is_empty() {
        true => figure.title.clone(),
        false => format!("{}, {panel}", figure.title),
    };
    let dots = || curves.iter().flat_map(|curve| &curve.dots);
    let heights = dots().flat_map(|dot| {
        let (low, high) = dot.interval.unwrap_or((dot.y, dot.y));
        [dot.y, low, high]
    });
    let x = match figure.shape {
        Shape::Dots => Scale::words(words(results, figure)),
        Shape::Line if figure.is_x_log => {
            let measured = curves.iter().filter(|curve| curve.look != Look::Theory);
            let at = measured.flat_map(|curve| &curve.dots).map(|dot| dot.x);
            Scale::log(dots().map(|dot| dot.x)).with_ticks(at.collect())
        }
        _ if figure.is_x_log => Scale::log(dots().map(|dot| dot.x)),
        _ => Scale::linear(dots().map(|dot| dot.x)),
    };
    let y = match (figure.shape, figure.is_y_log) {
        (_, true) => Scale::log(heights),
        (Shape::Cdf, false) => Scale::linear([0.0, 1.0].into_iter()),
        (_, false) => Scale::linear(heights),
    };
    let (x_label, y_label) = match figure.shape {
        Shape::Cdf => (figure.what.clone(), "share of samples".to_owned()),
        _ => (
            figure.along.clone().unwrap_or_default(),
            format!("{}, mean ± 95 % CI", figure.what),
        ),
    };
    let chart = Chart {
        title: title.clone(),
        x_label,
        y_label,
        x,
        y,
        legend: figure.curves.clone().unwrap_or_default(),
        curves,
    };
    Some((title, svg(&chart)))
}

fn theory(curve: &crate::results::Curve) -> Plotted {
    let dot = |&(x, y): &(f64, f64)| Dot {
        x,
        y,
        interval: None,
    };
    Plotted {
        name: curve.name.clone(),
        look: Look::Theory,
        dots: curve.points.iter().map(dot).collect(),
    }
}

fn words(results: &Results, figure: &Figure) -> Vec<String> {
    let along = figure.along.as_deref().unwrap_or_default();
    let values = values(&results.manifest, along).into_iter();
    values.map(ToString::to_string).collect()
}

/// The places of points in this panel, by the value of the axis that has the curves.
fn groups<'a>(
    results: &'a Results,
    figure: &Figure,
    panel: &Point,
) -> Vec<(Option<&'a Value>, Vec<usize>)> {
    let manifest = &results.manifest;
    let shown = [figure.along.as_deref(), figure.curves.as_deref()];
    let here: Vec<usize> = (0..manifest.points.len())
        .filter(|&place| rest(manifest, &manifest.points[place], &shown) == *panel)
        .collect();
    let Some(axis) = figure.curves.as_deref() else {
        return vec![(None, here)];
    };
    let with = |value: &'a Value| {
        let has = |place: &&usize| manifest.points[**place].get(axis) == Some(value);
        (Some(value), here.iter().filter(has).copied().collect())
    };
    values(manifest, axis).into_iter().map(with).collect()
}

fn name(figure: &Figure, value: Option<&Value>) -> String {
    match (&figure.curves, value) {
        (Some(_), Some(value)) => value.to_string(),
        _ if figure.theory.is_empty() => String::new(),
        _ => "measured".to_owned(),
    }
}

fn means(results: &Results, figure: &Figure, panel: &Point) -> Vec<Plotted> {
    let block = results
        .blocks
        .iter()
        .find(|block| block.name == figure.what);
    let rows: &[Row] = block.map_or(&[], |block| &block.rows);
    let along = figure.along.as_deref().unwrap_or_default();
    let all = values(&results.manifest, along);
    let is_of_words = figure.shape == Shape::Dots;
    let dot = |place: usize| {
        let mean = rows.get(place)?.mean?;
        let value = results.manifest.points[place].get(along)?;
        let x = match is_of_words {
            true => all.iter().position(|known| *known == value)? as f64,
            false => value.number()?,
        };
        Some(Dot {
            x,
            y: mean.value,
            interval: mean.interval,
        })
    };
    let curve = |(value, places): (Option<&Value>, Vec<usize>)| {
        let mut dots: Vec<Dot> = places.into_iter().filter_map(dot).collect();
        dots.sort_by(|a, b| a.x.total_cmp(&b.x));
        Plotted {
            name: name(figure, value),
            look: if is_of_words { Look::Marks } else { Look::Line },
            dots,
        }
    };
    groups(results, figure, panel)
        .into_iter()
        .map(curve)
        .collect()
}

fn distributions(results: &Results, figure: &Figure, panel: &Point) -> Vec<Plotted> {
    let digest = results
        .series
        .iter()
        .find(|series| series.name == figure.what);
    let Some(digest) = digest else {
        return Vec::new();
    };
    let curve = |(value, places): (Option<&Value>, Vec<usize>)| Plotted {
        name: name(figure, value),
        look: Look::Steps,
        dots: steps(places.iter().map(|&place| &digest.points[place])),
    };
    groups(results, figure, panel)
        .into_iter()
        .map(curve)
        .collect()
}

/// The empirical distribution function of the samples of some points, at so many of its steps.
fn steps<'a>(points: impl Iterator<Item = &'a PointDigest>) -> Vec<Dot> {
    let mut all: Vec<(f64, f64)> = points
        .flat_map(|point| point.distribution.iter().copied())
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let whole: f64 = all.iter().map(|(_, weight)| weight).sum();
    let mut dots: Vec<Dot> = Vec::new();
    let mut below = 0.0;
    let mut drawn = 0.0;
    for (place, (value, weight)) in all.iter().enumerate() {
        if place == 0 {
            dots.push(dot(*value, 0.0));
        }
        below += weight;
        let is_last = place + 1 == all.len();
        if is_last || below - drawn >= whole / STEPS_MAX as f64 {
            drawn = below;
            dots.push(dot(*value, (below / whole).min(1.0)));
        }
    }
    dots
}

const fn dot(x: f64, y: f64) -> Dot {
    Dot {
        x,
        y,
        interval: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_rises_from_0_to_1_in_bounded_steps() {
        let point = PointDigest {
            distribution: (0..10_007).map(|place| (f64::from(place), 1.0)).collect(),
            ..PointDigest::default()
        };
        let dots = steps([&point].into_iter());
        assert_eq!((dots[0].x, dots[0].y), (0.0, 0.0));
        assert_eq!(dots.last().map(|dot| (dot.x, dot.y)), Some((10_006.0, 1.0)));
        assert!(
            dots.len() <= STEPS_MAX + 2 && dots.len() > STEPS_MAX / 2,
            "{}",
            dots.len()
        );
        let half = dots.iter().find(|dot| dot.y >= 0.5).unwrap();
        assert!((half.x - 5_000.0).abs() < 50.0, "{half:?}");
    }

    #[test]
    fn theory_is_drawn_where_it_holds() {
        let point = |slots: u32| Point::default().with("slots", slots).with("loss", 1_u32);
        let curve = |at| crate::results::Curve {
            name: "t".into(),
            points: Vec::new(),
            at,
            speaks_of: None,
        };
        assert!(curve(Point::default()).holds_at(&point(3)));
        let three = curve(Point::default().with("slots", 3_u32));
        assert!(three.holds_at(&point(3)) && !three.holds_at(&point(4)));
        assert!(!three.holds_at(&Point::default()));
    }

    #[test]
    fn samples_of_a_thinned_run_count_for_those_left_out() {
        let point = PointDigest {
            distribution: vec![(1.0, 1.0), (2.0, 3.0)],
            ..PointDigest::default()
        };
        let dots = steps([&point].into_iter());
        assert_eq!(dots[1].y, 0.25);
    }
}
