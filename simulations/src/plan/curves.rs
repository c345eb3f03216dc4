//! What theory says of a figure, as curves: a closed form at every point of the sweep.

use std::collections::BTreeMap;

use crate::results::{Curve, Figure, Point, Value};

/// The curves of a form of this legend, from its value at each point. One for all, if nothing matters but
/// what the figure has along the bottom; else one for each combination of the axes that do matter.
pub(super) fn curves(legend: &str, figure: &Figure, values: &[(Point, f64)]) -> Vec<Curve> {
    let Some(along) = figure.along.as_deref() else {
        return Vec::new();
    };
    let mut dots: Vec<Placed> = values
        .iter()
        .filter_map(|(point, y)| {
            let x = point.get(along).and_then(Value::number)?;
            Some((point.without(&[along]), x, *y))
        })
        .collect();
    let names: Vec<String> = dots.first().map_or(Vec::new(), |(rest, ..)| {
        let names = rest.axes().iter().map(|(name, _)| name.clone());
        names.collect()
    });
    for axis in names {
        let fewer = dots
            .iter()
            .map(|(rest, x, y)| (rest.without(&[&axis]), *x, *y));
        let fewer: Vec<Placed> = fewer.collect();
        if is_a_function(&fewer) {
            dots = fewer;
        }
    }
    let mut by_rest: BTreeMap<Point, Vec<(f64, f64)>> = BTreeMap::new();
    for (rest, x, y) in dots {
        by_rest.entry(rest).or_default().push((x, y));
    }
    let shown = figure.curves.as_deref();
    let curve = |(rest, mut points): (Point, Vec<(f64, f64)>)| {
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        points.dedup_by(|one, other| one.0 == other.0);
        let own = shown.and_then(|axis| rest.get(axis));
        Curve {
            name: own.map_or(legend.to_owned(), |value| format!("{legend}, {value}")),
            points,
            at: shown.map_or_else(|| rest.clone(), |axis| rest.without(&[axis])),
            speaks_of: None,
        }
    };
    by_rest.into_iter().map(curve).collect()
}

/// A value along the bottom at the other axes, and what theory says there.
type Placed = (Point, f64, f64);

/// Whether no two of them say different things of the same place.
fn is_a_function(dots: &[Placed]) -> bool {
    let mut known: BTreeMap<(&Point, u64), f64> = BTreeMap::new();
    dots.iter()
        .all(|(rest, x, y)| *known.entry((rest, x.to_bits())).or_insert(*y) == *y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Shape;

    fn figure(curves: &str) -> Figure {
        Figure {
            curves: Some(curves.to_owned()),
            ..Figure::new(Shape::Line, "load_cv", Some("n"))
        }
    }

    /// 2 to 4 nodes with rules of no matter and slots that matter.
    fn values() -> Vec<(Point, f64)> {
        let mut values = Vec::new();
        for n in [4_u32, 2, 3] {
            for rule in ["a", "b"] {
                for slots in [10_u32, 20] {
                    let point = Point::default().with("n", n).with("rule", rule);
                    values.push((point.with("slots", slots), f64::from(slots) / f64::from(n)));
                }
            }
        }
        values
    }

    #[test]
    fn there_is_a_curve_for_each_value_that_matters_and_no_other() {
        let by_panel = curves("t", &figure("rule"), &values());
        let [ten, twenty] = &by_panel[..] else {
            panic!("{by_panel:?}");
        };
        assert_eq!(ten.points, [(2.0, 5.0), (3.0, 10.0 / 3.0), (4.0, 2.5)]);
        assert_eq!(
            (&*ten.name, &ten.at),
            ("t", &Point::default().with("slots", 10_u32))
        );
        assert_eq!(twenty.points[0], (2.0, 10.0));
        let by_curve = curves("t", &figure("slots"), &values());
        let names: Vec<&str> = by_curve.iter().map(|curve| &*curve.name).collect();
        assert_eq!(names, ["t, 10", "t, 20"]);
        assert!(by_curve.iter().all(|curve| curve.at == Point::default()));
    }

    #[test]
    fn one_curve_is_enough_where_nothing_else_matters() {
        let all = values().into_iter().map(|(point, _)| {
            let n = point.get("n").and_then(Value::number).unwrap();
            (point, 1.0 / n)
        });
        let all: Vec<_> = all.collect();
        let found = curves("1/N", &figure("rule"), &all);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].at, Point::default());
        assert_eq!(found[0].points.len(), 3);
    }
}
