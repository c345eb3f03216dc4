//! The figure around the curves: title, axes, grid.

use plotters::{
    backend::SVGBackend,
    chart::ChartBuilder,
    coord::Shift,
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    element::Text,
    style::{BLACK, Color, IntoFont, TextStyle},
};

use super::{
    Chart,
    curves::{self, Context},
    legend,
    palette::GRID,
};

/// In CSS pixels.
const WIDTH: u32 = 720;
const HEIGHT: u32 = 420;
/// Places are whole numbers: so many to a CSS pixel make curves smooth.
pub(super) const FINE: u32 = 8;
const LEGEND_WIDTH: u32 = 190;
const TITLE_HEIGHT: u32 = 34;
const AXIS_LEFT: u32 = 78;
/// CSS pixels of a letter's height.
const TEXT: u32 = 13;
const TITLE: u32 = 15;
const SMALL_TITLE: u32 = 12;
/// Longer titles are smaller; those that are still too long are cut off.
const TITLE_LETTERS: usize = 70;
const TITLE_LETTERS_MAX: usize = 96;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// The figure as an SVG document, 720 by 420 CSS pixels, that grows and shrinks without loss.
#[must_use]
pub fn svg(chart: &Chart) -> String {
    let mut text = String::new();
    // Writing into a text can't fail: the only error that there is, is one of files.
    let _ = draw(chart, &mut text);
    let (width, height) = (WIDTH * FINE, HEIGHT * FINE);
    let title = chart.title.replace('&', "&amp;").replace('<', "&lt;");
    let title = title.replace('"', "&quot;");
    text.replacen(
        &format!("width=\"{width}\" height=\"{height}\""),
        &format!("width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{title}\""),
        1,
    )
}

fn draw(chart: &Chart, text: &mut String) -> Drawn {
    let root = SVGBackend::with_string(text, (WIDTH * FINE, HEIGHT * FINE)).into_drawing_area();
    root.fill(&plotters::style::WHITE)?;
    let has_legend = chart.curves.len() > 1 || chart.curves.iter().any(|one| !one.name.is_empty());
    let width = if has_legend {
        WIDTH - LEGEND_WIDTH
    } else {
        WIDTH - 20
    };
    let (top, below) = root.split_vertically(TITLE_HEIGHT * FINE);
    let place = (AXIS_LEFT as i32 * FINE as i32, 12 * FINE as i32);
    let is_long = chart.title.chars().count() > TITLE_LETTERS;
    let size = if is_long { SMALL_TITLE } else { TITLE };
    let title = short(&chart.title, TITLE_LETTERS_MAX);
    top.draw(&Text::new(title, place, letters(size)))?;
    let (left, right) = below.split_horizontally(width * FINE);
    draw_axes(chart, &left)?;
    if has_legend {
        legend::draw(chart, &right)?;
    }
    root.present()
}

fn draw_axes(chart: &Chart, area: &Area<'_>) -> Drawn {
    let mut context: Context<'_, '_> = ChartBuilder::on(area)
        .margin(8 * FINE)
        .x_label_area_size(46 * FINE)
        .y_label_area_size(AXIS_LEFT * FINE)
        .build_cartesian_2d(chart.x.clone(), chart.y.clone())?;
    let mut mesh = context.configure_mesh();
    mesh.axis_style(BLACK.stroke_width(FINE))
        .bold_line_style(GRID.mix(0.35).stroke_width(FINE))
        .light_line_style(GRID.mix(0.0))
        .x_labels(chart.x.tick_count())
        .y_labels(chart.y.tick_count())
        .label_style(letters(TEXT))
        .axis_desc_style(letters(TEXT))
        .x_desc(&chart.x_label)
        .y_desc(&chart.y_label)
        .set_all_tick_mark_size(4 * FINE);
    if chart.x.is_of_words() {
        mesh.disable_x_mesh();
    }
    mesh.draw()?;
    curves::draw(chart, &mut context)
}

/// Black letters of so many CSS pixels.
pub(super) fn letters(size: u32) -> TextStyle<'static> {
    // The backend takes a size for a line's height, and divides it again.
    let size = f64::from(size * FINE) * 1.24;
    ("sans-serif", size).into_font().color(&BLACK)
}

/// So many letters of it at most.
pub(super) fn short(text: &str, letters_max: usize) -> String {
    match text.chars().count() > letters_max {
        true => text.chars().take(letters_max - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}
