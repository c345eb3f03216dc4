//! A table as Parquet, column by column: what pandas, R and DuckDB read without guessing.
//!
//! No compression: each codec is another dependency, and most of a column of repeated axes is
//! taken away by dictionaries already.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use parquet::{
    basic::{LogicalType, Repetition, Type as Physical},
    column::writer::ColumnWriter,
    data_type::ByteArray,
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::{Type, TypePtr},
};

use super::{
    Replacement, ResultsError,
    table::{Cell, Columns, Kind, Table},
};

/// Rows that are held in memory before they are written as a group.
const GROUP_ROWS_MAX: usize = 100_000;

/// A Parquet file being written.
pub(crate) struct ParquetTable {
    path: PathBuf,
    writer: SerializedFileWriter<Replacement>,
    columns: Vec<Column>,
    rows: usize,
}

/// The cells of a column that wait: which are there, and those that are.
enum Column {
    Text(Vec<i16>, Vec<ByteArray>),
    Number(Vec<i16>, Vec<f64>),
    Count(Vec<i16>, Vec<i64>),
}

impl ParquetTable {
    /// Begins it.
    pub(crate) fn create(path: &Path, columns: &Columns) -> Result<Self, ResultsError> {
        let failed = |error: ParquetError| ResultsError::Parquet {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let schema = schema(columns).map_err(failed)?;
        let properties = Arc::new(WriterProperties::builder().build());
        let file = Replacement::create(path)?;
        let writer = SerializedFileWriter::new(file, schema, properties).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            columns: columns.iter().map(|(_, kind)| Column::new(*kind)).collect(),
            rows: 0,
        })
    }

    fn failed(&self, error: &ParquetError) -> ResultsError {
        ResultsError::Parquet {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            if let Some(mut writer) = group.next_column()? {
                column.write(writer.untyped())?;
                writer.close()?;
            }
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl Table for ParquetTable {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ResultsError> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS_MAX {
            self.write_group().map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), ResultsError> {
        self.write_group().map_err(|error| self.failed(&error))?;
        let path = self.path;
        let file = self
            .writer
            .into_inner()
            .map_err(|error| ResultsError::Parquet {
                path,
                reason: error.to_string(),
            })?;
        file.commit()
    }
}

impl Column {
    const fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Vec::new(), Vec::new()),
            Kind::Number => Self::Number(Vec::new(), Vec::new()),
            Kind::Count => Self::Count(Vec::new(), Vec::new()),
        }
    }

    fn push(&mut self, cell: &Cell<'_>) {
        let is_there = match (&mut *self, cell) {
            (Self::Text(_, values), Cell::Text(text)) => {
                values.push(ByteArray::from(text.as_bytes().to_vec()));
                true
            }
            (Self::Number(_, values), Cell::Number(number)) => {
                values.push(*number);
                true
            }
            (Self::Count(_, values), Cell::Count(count)) => {
                // Parquet's unsigned numbers are signed ones with the same bits.
                values.push(count.cast_signed());
                true
            }
            (_, cell) => {
                debug_assert_eq!(*cell, Cell::Empty, "a cell of another kind than its column");
                false
            }
        };
        let (Self::Text(levels, _) | Self::Number(levels, _) | Self::Count(levels, _)) = self;
        levels.push(i16::from(is_there));
    }

    fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        match (self, writer) {
            (Self::Text(levels, values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                writer.write_batch(values, Some(levels), None)?;
                levels.clear();
                values.clear();
            }
            (Self::Number(levels, values), ColumnWriter::DoubleColumnWriter(writer)) => {
                writer.write_batch(values, Some(levels), None)?;
                levels.clear();
                values.clear();
            }
            (Self::Count(levels, values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(values, Some(levels), None)?;
                levels.clear();
                values.clear();
            }
            _ => {
                return Err(ParquetError::General(
                    "a column of another kind than the schema's".into(),
                ));
            }
        }
        Ok(())
    }
}

fn schema(columns: &Columns) -> Result<TypePtr, ParquetError> {
    let field = |(name, kind): &(String, Kind)| {
        let (physical, logical) = match kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Number => (Physical::DOUBLE, None),
            Kind::Count => (Physical::INT64, Some(LogicalType::integer(64, false))),
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
            .map(Arc::new)
    };
    let fields: Vec<TypePtr> = columns.iter().map(field).collect::<Result<_, _>>()?;
    let table = Type::group_type_builder("table").with_fields(fields);
    table.build().map(Arc::new)
}
