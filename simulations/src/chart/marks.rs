//! Marks: their shape and colour by the place of their curve, in the figure and in its legend.

use plotters::style::{Color, ShapeStyle};

use super::{
    draw::FINE,
    palette::{colour, is_hollow},
};

/// Half of a mark's width, in CSS pixels.
const SIZE: i32 = 4;

/// What a mark is made of, in pixels around its middle.
pub(super) enum Mark {
    Circle(i32),
    /// A closed path.
    Corners(Vec<(i32, i32)>),
}

/// The mark of a curve.
pub(super) fn mark(place: usize) -> Mark {
    let size = SIZE * FINE as i32;
    match place % 3 {
        0 => Mark::Circle(size),
        1 => Mark::Corners(vec![
            (-size, -size),
            (size, -size),
            (size, size),
            (-size, size),
            (-size, -size),
        ]),
        _ => {
            let (wide, high) = (size * 6 / 5, size * 4 / 3);
            Mark::Corners(vec![(0, -high), (wide, size), (-wide, size), (0, -high)])
        }
    }
}

/// Filled, or an outline the second time round.
pub(super) fn style(place: usize) -> ShapeStyle {
    let colour = colour(place);
    match is_hollow(place) {
        true => colour.stroke_width(FINE * 3 / 2),
        false => colour.filled(),
    }
}
