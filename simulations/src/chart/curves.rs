//! The curves of a figure: lines, marks, and what their intervals look like.

use plotters::{
    chart::ChartContext,
    coord::cartesian::Cartesian2d,
    element::{Circle, DashedPathElement, EmptyElement, PathElement, Polygon},
    style::{BLACK, Color, RGBColor},
};

use super::{
    CURVES_MAX, Chart, Dot, Look, Plotted, Scale,
    draw::{Drawn, FINE},
    marks::{self, Mark},
    palette::{DASHES, colour},
};

/// With more dots an interval is part of a band, not a bar of its own.
pub(super) const BARS_MAX: usize = 24;
/// Between the marks of curves over one word, as a share of the room of a word.
const DODGE: f64 = 0.14;

pub(super) type Context<'a, 'b> =
    ChartContext<'a, plotters::backend::SVGBackend<'b>, Cartesian2d<Scale, Scale>>;

pub(super) fn draw(chart: &Chart, context: &mut Context<'_, '_>) -> Drawn {
    let drawn = chart.curves.iter().take(CURVES_MAX).enumerate();
    for (place, curve) in drawn {
        let shown = shown(chart, curve, place);
        let colour = colour(place);
        if shown.len() > BARS_MAX {
            draw_band(context, &shown, colour)?;
        } else {
            draw_bars(context, &shown, colour)?;
        }
        match curve.look {
            Look::Theory => draw_theory(context, &shown, dashes(chart, place))?,
            look => draw_line(context, &shown, look, colour)?,
        }
        if matches!(curve.look, Look::Line | Look::Marks) && shown.len() <= BARS_MAX {
            for dot in &shown {
                draw_mark(context, (dot.x, dot.y), place)?;
            }
        }
    }
    Ok(())
}

/// The dots that the scales can show; over words, curves stand beside each other.
fn shown(chart: &Chart, curve: &Plotted, place: usize) -> Vec<Dot> {
    let count = chart.curves.len().min(CURVES_MAX);
    let middle = (count.saturating_sub(1)) as f64 / 2.0;
    let room = DODGE.min(0.8 / count.max(1) as f64);
    let aside = match chart.x.is_of_words() {
        true => (place as f64 - middle) * room,
        false => 0.0,
    };
    let lowest = chart.y.lowest();
    let dots = curve
        .dots
        .iter()
        .filter(|dot| chart.x.shows(dot.x) && chart.y.shows(dot.y));
    dots.map(|dot| Dot {
        x: dot.x + aside,
        y: dot.y,
        interval: dot.interval.map(|(low, high)| (low.max(lowest), high)),
    })
    .collect()
}

fn draw_bars(context: &mut Context<'_, '_>, dots: &[Dot], colour: RGBColor) -> Drawn {
    let style = colour.stroke_width(FINE * 3 / 2);
    for dot in dots {
        let Some((low, high)) = dot.interval else {
            continue;
        };
        let bar = PathElement::new(vec![(dot.x, low), (dot.x, high)], style);
        context.draw_series(std::iter::once(bar))?;
        for end in [low, high] {
            let cap = EmptyElement::at((dot.x, end))
                + PathElement::new(vec![(-4 * FINE as i32, 0), (4 * FINE as i32, 0)], style);
            context.draw_series(std::iter::once(cap))?;
        }
    }
    Ok(())
}

/// A band over each stretch of dots that have an interval.
fn draw_band(context: &mut Context<'_, '_>, dots: &[Dot], colour: RGBColor) -> Drawn {
    for stretch in dots.split(|dot| dot.interval.is_none()) {
        let with = |end: fn((f64, f64)) -> f64| {
            stretch
                .iter()
                .filter_map(move |dot| Some((dot.x, end(dot.interval?))))
        };
        let outline: Vec<(f64, f64)> = with(|ends| ends.0)
            .chain(with(|ends| ends.1).collect::<Vec<_>>().into_iter().rev())
            .collect();
        if outline.len() > 2 {
            let band = Polygon::new(outline, colour.mix(0.2));
            context.draw_series(std::iter::once(band))?;
        }
    }
    Ok(())
}

fn draw_line(context: &mut Context<'_, '_>, dots: &[Dot], look: Look, colour: RGBColor) -> Drawn {
    let points: Vec<(f64, f64)> = dots.iter().map(|dot| (dot.x, dot.y)).collect();
    let thick = colour.stroke_width(FINE * 2);
    match look {
        Look::Marks | Look::Theory => Ok(()),
        Look::Line => context
            .draw_series(std::iter::once(PathElement::new(points, thick)))
            .map(drop),
        Look::Steps => context
            .draw_series(std::iter::once(PathElement::new(steps(&points), thick)))
            .map(drop),
    }
}

fn draw_theory(context: &mut Context<'_, '_>, dots: &[Dot], (dash, gap): (i32, i32)) -> Drawn {
    let points: Vec<(f64, f64)> = dots.iter().map(|dot| (dot.x, dot.y)).collect();
    let style = BLACK.stroke_width(FINE * 3 / 2);
    let dashes = DashedPathElement::new(points, dash * FINE as i32, gap * FINE as i32, style);
    context.draw_series(std::iter::once(dashes)).map(drop)
}

/// The dashes of a curve of theory.
pub(super) fn dashes(chart: &Chart, place: usize) -> (i32, i32) {
    let before = chart.curves.iter().take(place);
    let theories = before.filter(|curve| curve.look == Look::Theory).count();
    DASHES[theories % DASHES.len()]
}

fn steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut path: Vec<(f64, f64)> = Vec::with_capacity(points.len() * 2);
    for &(x, y) in points {
        path.extend(path.last().map(|&(_, before)| (x, before)));
        path.push((x, y));
    }
    path
}

fn draw_mark(context: &mut Context<'_, '_>, at: (f64, f64), place: usize) -> Drawn {
    let style = marks::style(place);
    match marks::mark(place) {
        Mark::Circle(size) => context
            .draw_series(std::iter::once(Circle::new(at, size, style)))
            .map(drop),
        Mark::Corners(corners) if style.filled => {
            let shape = EmptyElement::at(at) + Polygon::new(corners, style);
            context.draw_series(std::iter::once(shape)).map(drop)
        }
        Mark::Corners(corners) => {
            let shape = EmptyElement::at(at) + PathElement::new(corners, style);
            context.draw_series(std::iter::once(shape)).map(drop)
        }
    }
}
