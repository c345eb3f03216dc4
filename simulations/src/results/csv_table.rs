//! A table as CSV: RFC 4180 with a line of names, empty cells for what is missing.

use std::path::{Path, PathBuf};

use super::{
    Replacement, ResultsError, number_text,
    table::{Cell, Columns, Table},
};

/// A CSV file being written.
pub(crate) struct CsvTable {
    path: PathBuf,
    writer: csv::Writer<Replacement>,
}

impl CsvTable {
    /// Begins it, with its first line.
    pub(crate) fn create(path: &Path, columns: &Columns) -> Result<Self, ResultsError> {
        let mut table = Self {
            path: path.to_owned(),
            writer: csv::Writer::from_writer(Replacement::create(path)?),
        };
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        table.record(&names)?;
        Ok(table)
    }

    fn record(&mut self, texts: &[impl AsRef<[u8]>]) -> Result<(), ResultsError> {
        let written = self.writer.write_record(texts);
        written.map_err(|error| ResultsError::io("write", &self.path)(error.into()))
    }
}

impl Table for CsvTable {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ResultsError> {
        let text = |cell: &Cell<'_>| match cell {
            Cell::Empty => String::new(),
            Cell::Text(text) => (*text).to_owned(),
            Cell::Number(number) => number_text(*number),
            Cell::Count(count) => count.to_string(),
        };
        let texts: Vec<String> = cells.iter().map(text).collect();
        self.record(&texts)
    }

    fn finish(self: Box<Self>) -> Result<(), ResultsError> {
        let inner = self.writer.into_inner();
        let unwritten = |error: csv::IntoInnerError<_>| {
            ResultsError::io("write", &self.path)(std::io::Error::other(error.to_string()))
        };
        inner.map_err(unwritten)?.commit()
    }
}
