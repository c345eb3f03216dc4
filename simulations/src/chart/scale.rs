//! The scale of an axis: where a number lies, and which numbers are written beside it.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// Numbers beside a linear scale, about.
const TICKS: f64 = 6.0;
/// Numbers of the reader's own beside a scale.
const TICKS_MAX: usize = 10;
/// Decades up to which a logarithmic scale has 2 and 5 too.
const DECADES_WITH_TWO_AND_FIVE: f64 = 2.5;
const DECADES_MAX: i32 = 12;

/// A scale.
#[derive(Clone, Debug)]
pub struct Scale {
    form: Form,
    /// As drawn: logarithms on a logarithmic scale.
    range: (f64, f64),
    /// As read.
    ticks: Vec<f64>,
}

#[derive(Clone, Debug)]
enum Form {
    Linear { decimals: usize },
    Log,
    Words(Vec<String>),
}

impl Scale {
    /// A linear one that shows all of these numbers, and 0 if it is near.
    #[must_use]
    pub fn linear(values: impl Iterator<Item = f64>) -> Self {
        let (mut low, mut high) = extent(values).unwrap_or((0.0, 1.0));
        if low > 0.0 && low < 0.4 * high {
            low = 0.0;
        }
        let tiny = (low.abs() + high.abs()) * 1e-9;
        if high - low <= tiny {
            let around = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
            (low, high) = (low - around, high + around);
        }
        let step = nice((high - low) / TICKS);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let count = (last - first) as u32;
        Self {
            form: Form::Linear {
                decimals: (-step.log10().floor()).clamp(0.0, 12.0) as usize,
            },
            range: (first * step, last * step),
            ticks: (0..=count)
                .map(|tick| (first + f64::from(tick)) * step)
                .collect(),
        }
    }

    /// A logarithmic one that shows all of these numbers that are above 0.
    #[must_use]
    pub fn log(values: impl Iterator<Item = f64>) -> Self {
        let above_0 = values.filter(|value| *value > 0.0);
        let (low, high) = extent(above_0).unwrap_or((1.0, 10.0));
        let (low, high) = (low.log10(), high.log10());
        let room = ((high - low) * 0.04).max(0.04);
        let (low, high) = (low - room, high + room);
        let has_all = high - low <= DECADES_WITH_TWO_AND_FIVE;
        let factors: &[f64] = if has_all { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let (first, last) = (low.floor() as i32, high.ceil() as i32);
        let every = (last - first) / DECADES_MAX + 1;
        let decades = (first..=last).filter(|decade| decade % every == 0);
        let ticks = decades.flat_map(|decade| {
            factors
                .iter()
                .map(move |factor| factor * 10_f64.powi(decade))
        });
        Self {
            form: Form::Log,
            range: (low, high),
            ticks: ticks
                .filter(|tick| (low..=high).contains(&tick.log10()))
                .collect(),
        }
    }

    /// With these numbers beside it, such as those that were measured at. Ignored if it is no logarithmic
    /// scale, where near numbers would lie on top of each other, or if they are many.
    #[must_use]
    pub fn with_ticks(mut self, mut ticks: Vec<f64>) -> Self {
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let is_wide = |pair: &[f64]| pair[1] / pair[0] >= 1.4;
        let fit = ticks.iter().all(|tick| *tick > 0.0) && ticks.windows(2).all(is_wide);
        if matches!(self.form, Form::Log) && fit && (2..=TICKS_MAX).contains(&ticks.len()) {
            self.ticks = ticks;
        }
        self
    }

    /// Words beside each other, in this order.
    #[must_use]
    pub fn words(words: Vec<String>) -> Self {
        let count = words.len().max(1) as f64;
        Self {
            range: (-0.5, count - 0.5),
            ticks: (0_u32..).map(f64::from).take(words.len()).collect(),
            form: Form::Words(words),
        }
    }

    /// Whether it can show this number.
    #[must_use]
    pub fn shows(&self, value: f64) -> bool {
        value.is_finite() && (value > 0.0 || !matches!(self.form, Form::Log))
    }

    /// Whether it has words.
    #[must_use]
    pub const fn is_of_words(&self) -> bool {
        matches!(self.form, Form::Words(_))
    }

    /// The lowest number that it shows, as read.
    #[must_use]
    pub fn lowest(&self) -> f64 {
        match self.form {
            Form::Log => 10_f64.powf(self.range.0),
            _ => self.range.0,
        }
    }

    /// How many numbers stand beside it.
    pub(super) const fn tick_count(&self) -> usize {
        self.ticks.len()
    }

    fn text(&self, value: f64) -> String {
        match &self.form {
            Form::Words(words) => {
                let word = words.get(value.round().max(0.0) as usize);
                word.cloned().unwrap_or_default()
            }
            Form::Linear { decimals } if value.abs() < 1e6 => {
                // No "-0".
                format!("{:.decimals$}", value + 0.0)
            }
            Form::Log if (1e-3..1e6).contains(&value) => {
                // Powers come out of a multiplication: 0.1 is not quite 0.1 there.
                let text = format!("{value:.4}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            _ => {
                let exact = format!("{value:e}");
                let short = format!("{value:.2e}");
                if exact.len() < short.len() {
                    exact
                } else {
                    short
                }
            }
        }
    }
}

/// The lowest and the highest finite number.
fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.filter(|value| value.is_finite());
    finite.fold(None, |extent, value| {
        let (low, high) = extent.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// The smallest of 1, 2 and 5 times a power of ten that is no less.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 5.0];
    let fitting = factors
        .iter()
        .find(|factor| **factor * power >= step * 0.999_999);
    fitting.unwrap_or(&10.0) * power
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let drawn = match self.form {
            Form::Log => value.log10(),
            _ => *value,
        };
        let share = (drawn - self.range.0) / (self.range.1 - self.range.0);
        let place = f64::from(from) + f64::from(to - from) * share.clamp(-0.01, 1.01);
        place.round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Not only `Hint`'s bold ones: there are no light lines between ours.
        let every = self.ticks.len().div_ceil(hint.bold_points().max(1)).max(1);
        self.ticks.iter().copied().step_by(every).collect()
    }

    fn range(&self) -> Range<f64> {
        match self.form {
            Form::Log => 10_f64.powf(self.range.0)..10_f64.powf(self.range.1),
            _ => self.range.0..self.range.1,
        }
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        self.text(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: &Scale) -> Vec<String> {
        scale.ticks.iter().map(|tick| scale.text(*tick)).collect()
    }

    #[test]
    fn linear_scales_have_round_numbers_and_a_near_zero() {
        let scale = Scale::linear([3.0, 11.3].into_iter());
        assert_eq!(texts(&scale), ["0", "2", "4", "6", "8", "10", "12"]);
        let scale = Scale::linear([0.31, 0.32].into_iter());
        assert_eq!(
            texts(&scale),
            ["0.310", "0.312", "0.314", "0.316", "0.318", "0.320"]
        );
        let scale = Scale::linear([0.0, 4e7].into_iter());
        assert_eq!(texts(&scale)[..3], ["0", "1e7", "2e7"]);
    }

    #[test]
    fn logarithmic_scales_have_powers() {
        let scale = Scale::log([2.0, 90.0, -1.0, 0.0].into_iter());
        assert_eq!(texts(&scale), ["2", "5", "10", "20", "50", "100"]);
        let scale = Scale::log([0.01, 1e6].into_iter());
        assert_eq!(texts(&scale)[..3], ["0.01", "0.1", "1"]);
        assert!(!scale.shows(0.0));
        let scale = Scale::log([4.0, 256.0].into_iter()).with_ticks(vec![256.0, 4.0, 64.0, 4.0]);
        assert_eq!(texts(&scale), ["4", "64", "256"]);
    }

    #[test]
    fn nothing_one_number_and_no_numbers_make_a_scale() {
        for values in [
            vec![],
            vec![5.0],
            vec![0.0],
            vec![f64::NAN, f64::INFINITY],
            vec![-3.0, -3.0],
        ] {
            for scale in [
                Scale::linear(values.iter().copied()),
                Scale::log(values.iter().copied()),
            ] {
                assert!(scale.range.1 > scale.range.0, "{scale:?}");
                assert!((1..20).contains(&scale.ticks.len()), "{scale:?}");
            }
        }
    }
}
