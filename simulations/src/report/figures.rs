//! Which figures there are: those that the experiment asks for, or what its axes suggest.

use super::{Results, drawing, values, varied};
use crate::results::{Figure, Manifest, Point, Shape};

/// Figures in a report; more are left out.
const FIGURES_MAX: usize = 60;
/// A logarithmic scale along the bottom, if its numbers differ by this factor.
const LOG_FROM: f64 = 30.0;

/// A figure, drawn.
pub(super) struct Drawn {
    /// Its name under the folder of figures.
    pub(super) file: String,
    pub(super) svg: String,
}

/// All of them, in order. Those without a single number are left out.
pub(super) fn all(results: &Results) -> Vec<Drawn> {
    let manifest = &results.manifest;
    let wanted = match manifest.figures.is_empty() {
        true => chosen(results),
        false => manifest.figures.clone(),
    };
    let mut all = Vec::new();
    for figure in &wanted {
        for rest in panels(manifest, figure) {
            if all.len() == FIGURES_MAX {
                return all;
            }
            let Some((title, svg)) = drawing::draw(results, figure, &rest) else {
                continue;
            };
            let file = file_name(all.len() + 1, &title);
            all.push(Drawn { file, svg });
        }
    }
    all
}

/// For each measure a figure along the longest axis of numbers, or else of words, with a curve for each
/// value of the next axis; for each series its distribution.
fn chosen(results: &Results) -> Vec<Figure> {
    let manifest = &results.manifest;
    let varied = varied(manifest);
    let is_of_numbers = |axis: &&str| {
        let values = values(manifest, axis);
        values.iter().all(|value| value.number().is_some())
    };
    let count = |axis: &&str| values(manifest, axis).len();
    // The first of several that are equally long.
    let of_numbers = varied
        .iter()
        .rev()
        .copied()
        .filter(|axis| is_of_numbers(axis));
    let of_words = varied.iter().rev().copied();
    let along = of_numbers.max_by_key(count).or(of_words.max_by_key(count));
    let curves = varied.iter().copied().find(|axis| Some(*axis) != along);
    let mut figures = Vec::new();
    for block in &results.blocks {
        let mut figure = match (block.is_series, along) {
            (true, _) => Figure::new(Shape::Cdf, &block.name, None),
            (false, Some(along)) if is_of_numbers(&along) => {
                Figure::new(Shape::Line, &block.name, Some(along))
            }
            (false, Some(along)) => Figure::new(Shape::Dots, &block.name, Some(along)),
            (false, None) => continue,
        };
        figure.curves = match block.is_series {
            true => varied.first().map(|&axis| axis.to_owned()),
            false => curves.map(str::to_owned),
        };
        figure.is_x_log = !block.is_series && along.is_some_and(|axis| spans(manifest, axis));
        figures.push(figure);
    }
    figures
}

fn spans(manifest: &Manifest, axis: &str) -> bool {
    let numbers = values(manifest, axis)
        .into_iter()
        .map(|value| value.number());
    let Some(numbers) = numbers.collect::<Option<Vec<f64>>>() else {
        return false;
    };
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(0.0, f64::max);
    low > 0.0 && high / low >= LOG_FROM
}

/// The axes that a figure does not show itself: each combination of them is a figure of its own.
fn panels(manifest: &Manifest, figure: &Figure) -> Vec<Point> {
    let shown = [figure.along.as_deref(), figure.curves.as_deref()];
    let mut panels: Vec<Point> = Vec::new();
    for point in &manifest.points {
        let rest = rest(manifest, point, &shown);
        if !panels.contains(&rest) {
            panels.push(rest);
        }
    }
    panels
}

/// A point without what a figure shows, and without what never varies.
pub(super) fn rest(manifest: &Manifest, point: &Point, shown: &[Option<&str>]) -> Point {
    let varied = varied(manifest);
    let names = point.axes().iter().map(|(name, _)| name.as_str());
    let without: Vec<&str> = names
        .filter(|name| shown.contains(&Some(*name)) || !varied.contains(name))
        .collect();
    point.without(&without)
}

/// Letters and digits of the title, with the figure's number before them.
fn file_name(number: usize, title: &str) -> String {
    let kept = |c: char| match c {
        'a'..='z' | '0'..='9' | '_' => c,
        'A'..='Z' => c.to_ascii_lowercase(),
        _ => '-',
    };
    let words: String = title.chars().take(80).map(kept).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    format!("{number:02}-{}.svg", words.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_holds_nothing_odd() {
        let name = file_name(3, "p99 of ../x: <b>, nodes=4");
        assert_eq!(name, "03-p99-of-x-b-nodes-4.svg");
    }
}
