//! Figures as SVG: curves with their intervals, real text, colours that colour-blind people tell apart.
//!
//! It knows nothing of results: it is handed names, numbers and scales. Colours of text and axes are
//! plain black on nothing, so that a page around them may set its own (see the report's style).

mod curves;
mod draw;
mod legend;
mod marks;
mod palette;
mod scale;

pub use draw::svg;
pub use scale::Scale;

/// Curves in one figure at most; more could not be told apart.
pub const CURVES_MAX: usize = 14;

/// A figure.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// Along the bottom, with the unit.
    pub x_label: String,
    /// At the left, with the unit.
    pub y_label: String,
    /// Along the bottom.
    pub x: Scale,
    /// At the left.
    pub y: Scale,
    /// Above the curves' names: what they are values of. May be empty.
    pub legend: String,
    /// What is drawn: at most [`CURVES_MAX`], the rest is left out.
    pub curves: Vec<Plotted>,
}

/// How a curve looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Marks joined by a line.
    Line,
    /// Marks alone.
    Marks,
    /// A line without marks that goes flat, then up.
    Steps,
    /// A thin dashed black line without marks: what theory says.
    Theory,
}

/// A curve.
#[derive(Clone, Debug)]
pub struct Plotted {
    /// In the legend.
    pub name: String,
    /// How.
    pub look: Look,
    /// By rising x. On a logarithmic scale those not above 0 are left out.
    pub dots: Vec<Dot>,
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    /// Along the bottom; of a scale of words, the place of the word from 0.
    pub x: f64,
    /// At the left.
    pub y: f64,
    /// From where to where its interval goes, if it has one.
    pub interval: Option<(f64, f64)>,
}

#[cfg(test)]
mod tests;
