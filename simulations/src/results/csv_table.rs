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
        for (name, _) in columns {
            table.field(name)?;
        }
        table.end_of_row()?;
        Ok(table)
    }

    fn field(&mut self, text: &str) -> Result<(), ResultsError> {
        let written = self.writer.write_field(text);
        written.map_err(|error| ResultsError::io("write", &self.path)(error.into()))
    }

    fn end_of_row(&mut self) -> Result<(), ResultsError> {
        let written = self.writer.write_record(None::<&[u8]>);
        written.map_err(|error| ResultsError::io("write", &self.path)(error.into()))
    }
}

impl Table for CsvTable {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ResultsError> {
        for cell in cells {
            match cell {
                Cell::Empty => self.field(""),
                Cell::Text(text) => self.field(text),
                Cell::Number(number) => self.field(&number_text(*number)),
                Cell::Count(count) => self.field(&count.to_string()),
            }?;
        }
        self.end_of_row()
    }

    fn finish(self: Box<Self>) -> Result<(), ResultsError> {
        let inner = self.writer.into_inner();
        let unwritten = |error: csv::IntoInnerError<_>| {
            ResultsError::io("write", &self.path)(std::io::Error::other(error.to_string()))
        };
        inner.map_err(unwritten)?.commit()
    }
}
