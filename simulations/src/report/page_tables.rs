//! The page's tables: summary, comparisons, failures, runs.

use super::{
    Results, numbers,
    page::escaped,
    summary::{Block, Estimate, Row},
    theory, varied,
};
use crate::results::{Manifest, Point, Run};

/// Rows of runs, and of failures, on the page; all are in `runs.csv`.
const RUNS_MAX: usize = 2_000;

/// A cell: text as it is, or markup made here.
struct Cell {
    html: String,
    class: &'static str,
}

fn word(text: impl AsRef<str>) -> Cell {
    Cell {
        html: escaped(text.as_ref()),
        class: "",
    }
}

fn number(text: impl AsRef<str>) -> Cell {
    Cell {
        html: escaped(text.as_ref()),
        class: "n",
    }
}

fn table(header: &[Cell], rows: impl Iterator<Item = Vec<Cell>>) -> String {
    let class = |cell: &Cell| match cell.class {
        "" => String::new(),
        class => format!(" class=\"{class}\""),
    };
    let head = |cell: &Cell| format!("<th scope=\"col\"{}>{}</th>", class(cell), cell.html);
    let data = |cell: &Cell| format!("<td{}>{}</td>", class(cell), cell.html);
    let row = |cells: Vec<Cell>| {
        let cells: String = cells.iter().map(data).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let header: String = header.iter().map(head).collect();
    let rows: String = rows.map(row).collect();
    format!("<div class=\"wide\"><table>\n<tr>{header}</tr>\n{rows}</table></div>\n")
}

fn axes(manifest: &Manifest, point: &Point) -> Vec<Cell> {
    let value = |axis: &str| point.get(axis).map(ToString::to_string).unwrap_or_default();
    varied(manifest)
        .into_iter()
        .map(|axis| word(value(axis)))
        .collect()
}

fn axis_names(manifest: &Manifest) -> Vec<Cell> {
    varied(manifest).into_iter().map(word).collect()
}

/// A table for each measure and series.
pub(super) fn blocks(results: &Results) -> String {
    results
        .blocks
        .iter()
        .map(|one| block(results, one))
        .collect()
}

fn block(results: &Results, block: &Block) -> String {
    let manifest = &results.manifest;
    let mut header = axis_names(manifest);
    header.push(number("n"));
    header.push(number("mean ± 95 % CI"));
    header.push(number("p50"));
    header.push(number("p99"));
    header.push(number("missing"));
    let cells = |row: &Row| {
        let mut cells = axes(manifest, &manifest.points[row.point]);
        cells.push(number(row.n.to_string()));
        let single = if row.n == 1 { " (n=1)" } else { "" };
        cells.push(number(format!(
            "{}{single}",
            numbers::mean(row.mean.as_ref())
        )));
        cells.push(with_interval(row.p50.as_ref()));
        cells.push(with_interval(row.p99.as_ref()));
        cells.push(number(row.missing.to_string()));
        cells
    };
    let how = match block.is_series {
        true => "Mean, p50 and p99 of each run's samples first; then their means over runs.",
        false => "Over runs.",
    };
    let name = escaped(&block.name);
    let table = table(&header, block.rows.iter().map(cells));
    format!("<h3>{name}</h3>\n<p class=\"quiet\">{how}</p>\n{table}")
}

fn with_interval(estimate: Option<&Estimate>) -> Cell {
    let value = escaped(&numbers::value(estimate));
    let interval = escaped(&numbers::interval(estimate));
    let html = match interval.is_empty() {
        true => value,
        false => format!("{value} <span class=\"ci\">({interval})</span>"),
    };
    Cell { html, class: "n" }
}

/// Closed forms beside the means that they are about; empty if no figure names one.
pub(super) fn against_theory(results: &Results) -> String {
    let all = theory::all(results);
    if all.is_empty() {
        return String::new();
    }
    let mut header = axis_names(&results.manifest);
    header.extend([word("measure"), word("closed form"), number("theory")]);
    header.extend([number("mean ± 95 % CI"), number("difference")]);
    let rows = all.iter().map(|one| {
        let mut cells = axes(&results.manifest, one.point);
        cells.extend([word(one.what), word(one.form)]);
        cells.push(number(numbers::short(one.theory)));
        cells.push(number(numbers::mean(Some(&one.measured))));
        cells.push(number(one.difference()));
        cells
    });
    let how = "Difference of the measured mean to the closed form, in per cent of the form. What each \
               form is, and where it comes from: simulations/src/plan/theory.rs.";
    format!("<p class=\"quiet\">{how}</p>\n{}", table(&header, rows))
}

/// Differences on common seeds; empty if nothing is compared.
pub(super) fn comparisons(results: &Results) -> String {
    if results.comparisons.is_empty() {
        return String::new();
    }
    let header = [
        word("compared"),
        word("measure"),
        word("where"),
        number("n"),
        number("difference ± 95 % CI"),
        word("the interval"),
    ];
    let rows = results.comparisons.iter().map(|compared| {
        vec![
            word(compared.what_short()),
            word(&compared.measure),
            word(&compared.rest),
            number(compared.paired.difference.n.to_string()),
            number(numbers::mean(Some(&compared.paired.difference.into()))),
            word(compared.verdict()),
        ]
    });
    let how = "Mean of the differences seed by seed: what both variants share of luck falls out.";
    format!("<p class=\"quiet\">{how}</p>\n{}", table(&header, rows))
}

/// What did not hold, and in which runs; empty if none failed.
pub(super) fn failures(results: &Results) -> String {
    let failed = results
        .kept
        .runs()
        .iter()
        .filter(|run| run.failure.is_some());
    let count = failed.clone().count();
    if count == 0 {
        return String::new();
    }
    let mut header = axis_names(&results.manifest);
    header.push(number("seed"));
    header.push(word("what"));
    let rows = failed.take(RUNS_MAX).map(|run| {
        let mut cells = place(results, run);
        cells.push(Cell {
            html: escaped(run.failure.as_deref().unwrap_or_default()),
            class: "long",
        });
        cells
    });
    table(&header, rows) + &more(count)
}

/// Every run with its trace, folded away.
pub(super) fn runs(results: &Results) -> String {
    let all = results.kept.runs();
    if all.is_empty() {
        return String::new();
    }
    let mut header = axis_names(&results.manifest);
    header.push(number("seed"));
    header.push(word("trace"));
    header.push(number("virtual_s"));
    header.push(number("events"));
    header.push(number("wall_s"));
    let rows = all.iter().take(RUNS_MAX).map(|run| {
        let mut cells = place(results, run);
        cells.push(Cell {
            html: format!("<code>{}</code>", escaped(&run.trace)),
            class: "",
        });
        cells.push(number(
            run.virtual_s.map(numbers::short).unwrap_or_default(),
        ));
        cells.push(number(run.events.to_string()));
        cells.push(number(numbers::short(run.wall_s)));
        cells
    });
    let count = all.len();
    let (table, more) = (table(&header, rows), more(count));
    format!("<details><summary>{count} runs</summary>\n{table}{more}</details>\n")
}

fn place(results: &Results, run: &Run) -> Vec<Cell> {
    let manifest = &results.manifest;
    let mut cells = axes(manifest, &manifest.points[run.point]);
    cells.push(number(run.seed.to_string()));
    cells
}

fn more(count: usize) -> String {
    match count > RUNS_MAX {
        true => format!(
            "<p class=\"quiet\">{} more are in runs.csv.</p>\n",
            count - RUNS_MAX
        ),
        false => String::new(),
    }
}
