//! The legend, at the right of a figure, where it hides no curve.

use plotters::{
    element::{Circle, DashedPathElement, PathElement, Polygon, Text},
    style::{BLACK, Color},
};

use super::{
    CURVES_MAX, Chart, Look,
    curves::{BARS_MAX, dashes},
    draw::{Area, Drawn, FINE, letters, short},
    marks::{self, Mark},
    palette::colour,
};

/// In CSS pixels.
const FROM_TOP: i32 = 20;
const LINE: i32 = 20;
const SAMPLE: i32 = 24;
const TEXT: u32 = 12;
/// Longer names are cut off.
const LETTERS_MAX: usize = 24;

pub(super) fn draw(chart: &Chart, area: &Area<'_>) -> Drawn {
    let fine = FINE as i32;
    let text = |name: &str, x: i32, line: i32| {
        let place = (x * fine, (FROM_TOP + LINE * line - 5) * fine);
        Text::new(short(name, LETTERS_MAX), place, letters(TEXT))
    };
    let mut line = 0;
    if !chart.legend.is_empty() {
        area.draw(&text(&chart.legend, 0, line))?;
        line += 1;
    }
    for (place, curve) in chart.curves.iter().take(CURVES_MAX).enumerate() {
        draw_sample(area, chart, (FROM_TOP + LINE * line) * fine, place)?;
        area.draw(&text(&curve.name, SAMPLE + 8, line))?;
        line += 1;
    }
    let left_out = chart.curves.len().saturating_sub(CURVES_MAX);
    if left_out > 0 {
        area.draw(&text(
            &format!("and {left_out} not shown"),
            SAMPLE + 8,
            line,
        ))?;
    }
    Ok(())
}

fn draw_sample(area: &Area<'_>, chart: &Chart, y: i32, place: usize) -> Drawn {
    let fine = FINE as i32;
    let curve = &chart.curves[place];
    let ends = [(0, y), (SAMPLE * fine, y)];
    let style = colour(place).stroke_width(FINE * 2);
    match curve.look {
        Look::Line | Look::Steps => area.draw(&PathElement::new(ends, style))?,
        Look::Theory => {
            let (dash, gap) = dashes(chart, place);
            let style = BLACK.stroke_width(FINE * 3 / 2);
            area.draw(&DashedPathElement::new(
                ends,
                dash * fine,
                gap * fine,
                style,
            ))?;
        }
        Look::Marks => {}
    }
    if matches!(curve.look, Look::Steps | Look::Theory) || curve.dots.len() > BARS_MAX {
        return Ok(());
    }
    let (middle, style) = ((SAMPLE / 2 * fine, y), marks::style(place));
    match marks::mark(place) {
        Mark::Circle(size) => area.draw(&Circle::new(middle, size, style)),
        Mark::Corners(corners) => {
            let moved = corners
                .into_iter()
                .map(|(x, y)| (middle.0 + x, middle.1 + y));
            let moved: Vec<(i32, i32)> = moved.collect();
            match style.filled {
                true => area.draw(&Polygon::new(moved, style)),
                false => area.draw(&PathElement::new(moved, style)),
            }
        }
    }
}
