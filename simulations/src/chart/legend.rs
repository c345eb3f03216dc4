//! The legend, at the right of a figure, where it hides no curve.

use plotters::element::{Circle, DashedPathElement, PathElement, Rectangle, Text, TriangleMarker};
use plotters::style::Color;

use super::{
    CURVES_MAX, Chart, Look,
    curves::mark_style,
    draw::{Area, Drawn, FINE, letters},
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
    let text = |name: &str, line: i32| {
        let place = ((SAMPLE + 8) * fine, (FROM_TOP + LINE * line - 5) * fine);
        Text::new(short(name), place, letters(TEXT))
    };
    let mut line = 0;
    for (place, curve) in chart.curves.iter().take(CURVES_MAX).enumerate() {
        let y = (FROM_TOP + LINE * line) * fine;
        draw_sample(area, curve.look, y, place)?;
        area.draw(&text(&curve.name, line))?;
        line += 1;
    }
    let left_out = chart.curves.len().saturating_sub(CURVES_MAX);
    if left_out > 0 {
        area.draw(&text(&format!("and {left_out} not shown"), line))?;
    }
    Ok(())
}

fn draw_sample(area: &Area<'_>, look: Look, y: i32, place: usize) -> Drawn {
    let fine = FINE as i32;
    let ends = [(0, y), (SAMPLE * fine, y)];
    let style = colour(place).stroke_width(FINE * 2);
    match look {
        Look::Line | Look::Steps => area.draw(&PathElement::new(ends, style))?,
        Look::Theory => area.draw(&DashedPathElement::new(ends, 6 * fine, 4 * fine, style))?,
        Look::Marks => {}
    }
    if matches!(look, Look::Steps | Look::Theory) {
        return Ok(());
    }
    let (at, size) = ((SAMPLE / 2 * fine, y), 4 * fine);
    let style = mark_style(place);
    match place % 3 {
        0 => area.draw(&Circle::new(at, size, style)),
        1 => {
            let corners = [(at.0 - size, at.1 - size), (at.0 + size, at.1 + size)];
            area.draw(&Rectangle::new(corners, style))
        }
        _ => area.draw(&TriangleMarker::new(at, size * 4 / 3, style)),
    }
}

fn short(name: &str) -> String {
    match name.chars().count() > LETTERS_MAX {
        true => name.chars().take(LETTERS_MAX - 1).chain(['…']).collect(),
        false => name.to_owned(),
    }
}
