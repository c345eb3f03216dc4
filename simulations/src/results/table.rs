//! A table that is written row by row, whatever its form.

use super::{Point, ResultsError};

/// What a column holds. Any cell may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Words.
    Text,
    /// Numbers of 64 bits.
    Number,
    /// Whole numbers from 0.
    Count,
}

/// One cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Nothing is known.
    Empty,
    /// In a column of words.
    Text(&'a str),
    /// In a column of numbers.
    Number(f64),
    /// In a column of whole numbers.
    Count(u64),
}

impl Cell<'_> {
    /// A number that may be missing.
    pub(crate) fn of(number: Option<f64>) -> Self {
        number.map_or(Self::Empty, Self::Number)
    }
}

/// Names and kinds.
pub(crate) type Columns = Vec<(String, Kind)>;

/// Where rows go.
pub(crate) trait Table {
    /// A row; as many cells as columns, each of its column's kind.
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ResultsError>;
    /// Writes what is left, and puts the file in its place.
    fn finish(self: Box<Self>) -> Result<(), ResultsError>;
}

/// The axes of points: numbers where all values are numbers.
pub(crate) fn axis_columns(points: &[Point]) -> Columns {
    let axes = points.first().map(Point::axes).unwrap_or_default();
    let kind = |axis: &str| {
        let mut values = points.iter().filter_map(|point| point.get(axis));
        match values.all(|value| value.number().is_some()) {
            true => Kind::Number,
            false => Kind::Text,
        }
    };
    axes.iter()
        .map(|(axis, _)| (axis.clone(), kind(axis)))
        .collect()
}

/// The values of points as text, to be borrowed by cells of words.
pub(crate) fn axis_texts(points: &[Point]) -> Vec<Vec<String>> {
    let texts = |point: &Point| {
        let values = point.axes().iter().map(|(_, value)| value.to_string());
        values.collect()
    };
    points.iter().map(texts).collect()
}

/// The cells of a point.
pub(crate) fn axis_cells<'a>(
    columns: &Columns,
    point: &Point,
    texts: &'a [String],
) -> Vec<Cell<'a>> {
    let axes = point.axes().iter().zip(columns).zip(texts);
    axes.map(
        |(((_, value), (_, kind)), text)| match (kind, value.number()) {
            (Kind::Number, Some(number)) => Cell::Number(number),
            _ => Cell::Text(text),
        },
    )
    .collect()
}
