//! The tables of a folder: `runs` with a row a run, `samples` with a row a sample. Each as CSV and
//! as Parquet, with the same columns.
//!
//! They hold nothing that depends on the machine or on the order of runs: the same plan, seeds and
//! version give the same files, byte for byte. How long a run took is in `runs.jsonl`.

use std::path::Path;

use super::{
    Kept, Manifest, ResultsError, Run,
    csv_table::CsvTable,
    parquet_table::ParquetTable,
    record::differ,
    table::{Cell, Columns, Kind, Table, axis_cells, axis_columns, axis_texts},
};

/// Writes all four, in place of those that are there.
///
/// # Errors
///
/// When two columns would have one name, the samples are damaged, or the folder can't be written.
pub fn write_tables(folder: &Path, manifest: &Manifest, kept: &Kept) -> Result<(), ResultsError> {
    write_runs(folder, manifest, kept)?;
    write_samples(folder, manifest, kept)
}

fn write_runs(folder: &Path, manifest: &Manifest, kept: &Kept) -> Result<(), ResultsError> {
    let axes = axis_columns(&manifest.points);
    let texts = axis_texts(&manifest.points);
    let measures = kept.measures();
    let mut columns = axes.clone();
    columns.push(("seed".into(), Kind::Count));
    columns.extend(measures.iter().map(|name| (name.clone(), Kind::Number)));
    columns.push(("virtual_s".into(), Kind::Number));
    columns.push(("events".into(), Kind::Count));
    columns.push(("trace".into(), Kind::Text));
    columns.push(("failure".into(), Kind::Text));
    let row = |run: &Run, tables: &mut Tables| {
        let mut cells = axis_cells(&axes, &manifest.points[run.point], &texts[run.point]);
        cells.push(Cell::Count(run.seed));
        cells.extend(measures.iter().map(|name| Cell::of(run.measure(name))));
        let of = |cell| match run.failure {
            None => cell,
            Some(_) => Cell::Empty,
        };
        cells.push(of(Cell::of(run.virtual_s)));
        cells.push(of(Cell::Count(run.events)));
        cells.push(of(Cell::Text(&run.trace)));
        cells.push(run.failure.as_deref().map_or(Cell::Empty, Cell::Text));
        tables.row(&cells)
    };
    let mut tables = Tables::create(folder, "runs", &columns)?;
    for run in kept.runs() {
        row(run, &mut tables)?;
    }
    tables.finish()
}

fn write_samples(folder: &Path, manifest: &Manifest, kept: &Kept) -> Result<(), ResultsError> {
    let axes = axis_columns(&manifest.points);
    let texts = axis_texts(&manifest.points);
    let mut columns = axes.clone();
    columns.push(("seed".into(), Kind::Count));
    columns.push(("series".into(), Kind::Text));
    columns.push(("value".into(), Kind::Number));
    let mut tables = Tables::create(folder, "samples", &columns)?;
    for run in kept.runs() {
        let mut place = axis_cells(&axes, &manifest.points[run.point], &texts[run.point]);
        place.push(Cell::Count(run.seed));
        for series in kept.samples(run)? {
            let mut cells = place.clone();
            cells.push(Cell::Text(&series.name));
            cells.push(Cell::Empty);
            let last = cells.len() - 1;
            for value in series.values {
                cells[last] = Cell::of(value);
                tables.row(&cells)?;
            }
        }
    }
    tables.finish()
}

/// The same table in both forms.
struct Tables([Box<dyn Table>; 2]);

impl Tables {
    fn create(folder: &Path, name: &str, columns: &Columns) -> Result<Self, ResultsError> {
        differ(columns.iter().map(|(name, _)| name.as_str()))?;
        let path = |end| folder.join(format!("{name}.{end}"));
        Ok(Self([
            Box::new(CsvTable::create(&path("csv"), columns)?),
            Box::new(ParquetTable::create(&path("parquet"), columns)?),
        ]))
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ResultsError> {
        self.0.iter_mut().try_for_each(|table| table.row(cells))
    }

    fn finish(self) -> Result<(), ResultsError> {
        self.0.into_iter().try_for_each(Table::finish)
    }
}
