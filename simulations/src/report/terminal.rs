//! The summary as a table for a terminal, readable at 100 columns.

use super::{Results, numbers, summary::Block, theory, varied};
use crate::results::Manifest;

/// Columns of a terminal; a longer line of a note is wrapped by hand.
const WIDTH: usize = 100;
/// Rows of a block; more are only counted.
const ROWS_MAX: usize = 60;

/// All of it.
pub(super) fn text(results: &Results) -> String {
    let manifest = &results.manifest;
    let mut lines = vec![heading(manifest)];
    if results.kept.runs().is_empty() {
        lines.push("no runs".to_owned());
    }
    for block in &results.blocks {
        lines.push(String::new());
        lines.extend(table(manifest, block));
    }
    lines.extend(against_theory(results));
    lines.extend(comparisons(results));
    lines.push(String::new());
    lines.extend(notes(results));
    lines.join("\n") + "\n"
}

fn heading(manifest: &Manifest) -> String {
    let varied = varied(manifest);
    let fixed = manifest.points.first().map(|point| point.without(&varied));
    let fixed = fixed.map(|point| point.to_string()).unwrap_or_default();
    match fixed.is_empty() {
        true => manifest.name.clone(),
        false => format!("{}: {fixed}", manifest.name),
    }
}

fn table(manifest: &Manifest, block: &Block) -> Vec<String> {
    let axes = varied(manifest);
    let mut header: Vec<String> = axes.iter().map(|&axis| axis.to_owned()).collect();
    header.extend(["n", "mean ± 95 % CI", "p50", "p99"].map(str::to_owned));
    let mut rows = vec![header];
    for row in block.rows.iter().take(ROWS_MAX) {
        let point = &manifest.points[row.point];
        let value = |axis: &&str| point.get(axis).map(ToString::to_string).unwrap_or_default();
        let mut cells: Vec<String> = axes.iter().map(value).collect();
        cells.push(row.n.to_string());
        let single = if row.n == 1 { " (n=1)" } else { "" };
        cells.push(format!("{}{single}", numbers::mean(row.mean.as_ref())));
        cells.push(numbers::value(row.p50.as_ref()));
        cells.push(numbers::value(row.p99.as_ref()));
        rows.push(cells);
    }
    let what = match block.is_series {
        true => format!("{} (of each run's samples)", block.name),
        false => block.name.clone(),
    };
    let mut lines = vec![what];
    lines.extend(aligned(&rows));
    if block.rows.len() > ROWS_MAX {
        lines.push(format!("  and {} more points", block.rows.len() - ROWS_MAX));
    }
    lines
}

/// Closed forms beside the means that they are about: a table for each form.
fn against_theory(results: &Results) -> Vec<String> {
    let all = theory::all(results);
    let axes = varied(&results.manifest);
    let mut lines = Vec::new();
    for one_form in all.chunk_by(|one, next| (one.what, one.form) == (next.what, next.form)) {
        let mut header: Vec<String> = axes.iter().map(|&axis| axis.to_owned()).collect();
        header.extend(["theory", "mean ± 95 % CI", "difference"].map(str::to_owned));
        let mut rows = vec![header];
        for one in one_form.iter().take(ROWS_MAX) {
            let value = |axis: &&str| one.point.get(axis).map(ToString::to_string);
            let mut cells: Vec<String> = axes.iter().filter_map(value).collect();
            cells.push(numbers::short(one.theory));
            cells.push(numbers::mean(Some(&one.measured)));
            cells.push(one.difference());
            rows.push(cells);
        }
        let (what, form) = (one_form[0].what, one_form[0].form);
        lines.extend([String::new(), format!("{what} against \"{form}\"")]);
        lines.extend(aligned(&rows));
        if one_form.len() > ROWS_MAX {
            let more = one_form.len() - ROWS_MAX;
            lines.push(format!("  and {more} more, in the report"));
        }
    }
    lines
}

fn comparisons(results: &Results) -> Vec<String> {
    if results.comparisons.is_empty() {
        return Vec::new();
    }
    let header = [
        "compared",
        "measure",
        "where",
        "n",
        "difference ± 95 % CI",
        "",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for compared in results.comparisons.iter().take(ROWS_MAX) {
        rows.push(vec![
            compared.what_short(),
            compared.measure.clone(),
            compared.rest.clone(),
            compared.paired.difference.n.to_string(),
            numbers::mean(Some(&compared.paired.difference.into())),
            compared.verdict().to_owned(),
        ]);
    }
    let mut lines = vec![String::new(), "paired on common seeds".to_owned()];
    lines.extend(aligned(&rows));
    if results.comparisons.len() > ROWS_MAX {
        let more = results.comparisons.len() - ROWS_MAX;
        lines.push(format!("  and {more} more, in the report"));
    }
    lines
}

/// What the numbers do not say by themselves.
pub(super) fn notes(results: &Results) -> Vec<String> {
    let totals = results.kept.totals(results.manifest.totals.planned);
    let mut notes = Vec::new();
    if totals.kept < totals.planned {
        notes.push(format!(
            "{} of {} runs are there",
            totals.kept, totals.planned
        ));
    }
    if totals.failed > 0 {
        notes.push(format!(
            "{} runs failed and are in no number",
            totals.failed
        ));
    }
    if totals.not_finite > 0 {
        notes.push(format!(
            "{} values were NaN or infinite and are left out",
            totals.not_finite
        ));
    }
    if totals.thinned > 0 {
        notes.push(format!(
            "{} samples were left out evenly: runs had too many",
            totals.thinned
        ));
    }
    if results.kept.torn_bytes() > 0 {
        notes.push("the last line of runs.jsonl is incomplete: that run is not counted".into());
    }
    let rows = || results.blocks.iter().flat_map(|block| &block.rows);
    if rows().any(|row| row.n == 1) {
        notes.push("n=1: a single run has no interval; take more seeds".into());
    }
    notes
}

/// Columns under each other: words to the left, numbers to the right. The widest column of words is cut
/// where a line would be too long.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let mut widths: Vec<usize> = (0..columns).filter_map(width).collect();
    let is_number = |column: usize| {
        let mut cells = rows.iter().skip(1).map(|row| row[column].as_str());
        cells.all(|cell| cell.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
    };
    let right: Vec<bool> = (0..columns).map(is_number).collect();
    let line_width = |widths: &[usize]| widths.iter().map(|width| width + 2).sum::<usize>();
    while line_width(&widths) > WIDTH {
        let words = (0..columns).filter(|&column| !right[column]);
        let Some(widest) = words.max_by_key(|&column| widths[column]) else {
            break;
        };
        if widths[widest] <= 8 {
            break;
        }
        widths[widest] -= 1;
    }
    let line = |row: &Vec<String>| {
        let cells = (0..columns).map(|column| pad(&row[column], widths[column], right[column]));
        format!("  {}", cells.collect::<Vec<_>>().join("  "))
            .trim_end()
            .to_owned()
    };
    rows.iter().map(line).collect()
}

fn pad(text: &str, width: usize, is_right: bool) -> String {
    if text.chars().count() > width {
        let kept = text.chars().take(width.saturating_sub(1));
        return kept.chain(['…']).collect();
    }
    match is_right {
        true => format!("{text:>width$}"),
        false => format!("{text:<width$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_and_lines_fit() {
        let row = |texts: [&str; 3]| texts.map(str::to_owned).to_vec();
        let long = "x".repeat(150);
        let rows = [
            row(["nodes", "what", "mean"]),
            row(["8", "a", "1.5 ± 0.2"]),
            row(["128", &long, "10.25"]),
        ];
        let lines = aligned(&rows);
        assert!(
            lines.iter().all(|line| line.chars().count() <= WIDTH),
            "{lines:#?}"
        );
        assert!(lines[1].starts_with("      8  a "), "{lines:#?}");
        assert!(lines[2].contains("…      10.25"), "{lines:#?}");
    }
}
