//! Parquet files as rows: the same trait as text, so that both give the same readings.
//!
//! In: a path and the positions that are needed. Out: rows of batches, columns cast once per batch. Timestamps with a zone
//! are instants, without a zone wall clocks; everything else is read as its text. Not here: meaning.

use super::input::Progress;
use super::input::io;
use super::layout::Layout;
use super::record::Number;
use super::record::Numbers;
use super::record::Record;
use super::record::TimeCell;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::Float64Array;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::TimeUnit;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use engine::source::SourceError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// A Parquet file being read; also the current row.
pub(crate) struct ParquetRows {
    reader: ParquetRecordBatchReader,
    place: String,
    header: Vec<String>,
    columns: HashMap<usize, Column>,
    length: usize,
    row: usize,
    read: u64,
    total_rows: u64,
    total_bytes: u64,
    progress: Progress,
    needed: Vec<usize>,
}

enum Column {
    Instant(TimestampMicrosecondArray),
    Wall(TimestampMicrosecondArray),
    Number(Float64Array),
    Text(StringArray),
}

impl ParquetRows {
    pub(crate) fn open(path: &Path) -> Result<(Self, Progress), SourceError> {
        let place = path.display().to_string();
        let file = File::open(path).map_err(io(path))?;
        let total_bytes = file.metadata().map_err(io(path))?.len();
        let bad = |error: parquet::errors::ParquetError| SourceError::Format { place: place.clone(), problem: error.to_string() };
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(bad)?.with_batch_size(8192);
        let header = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        let total_rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let reader = builder.build().map_err(bad)?;
        let progress = Progress::default();
        let rows = Self {
            reader,
            header,
            columns: HashMap::new(),
            length: 0,
            row: 0,
            read: 0,
            total_rows,
            total_bytes,
            progress: progress.clone(),
            needed: Vec::new(),
            place,
        };
        Ok((rows, progress))
    }

    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// Only these columns are cast.
    pub(crate) fn need(&mut self, layout: &Layout) {
        self.needed = layout
            .time
            .iter()
            .chain(layout.available_at.iter().flatten())
            .chain(&layout.asset)
            .chain(&layout.cells)
            .copied()
            .collect();
        self.needed.sort_unstable();
        self.needed.dedup();
    }

    /// Goes to the next row; false at the end.
    pub(crate) fn next(&mut self) -> Result<bool, SourceError> {
        self.row += 1;
        while self.row >= self.length {
            let bad = |error: ArrowError| SourceError::Format { place: self.place.clone(), problem: error.to_string() };
            let Some(batch) = self.reader.next() else {
                self.progress.set(self.total_bytes);
                return Ok(false);
            };
            let batch = batch.map_err(bad)?;
            self.columns.clear();
            for &index in &self.needed {
                self.columns.insert(index, column(batch.column(index)).map_err(bad)?);
            }
            self.length = batch.num_rows();
            self.row = 0;
        }
        self.read += 1;
        self.progress.set(self.total_bytes * self.read / self.total_rows.max(1));
        Ok(true)
    }
}

fn column(array: &dyn Array) -> Result<Column, ArrowError> {
    let micros = |zone: Option<Arc<str>>| DataType::Timestamp(TimeUnit::Microsecond, zone);
    Ok(match array.data_type() {
        DataType::Timestamp(_, Some(zone)) => {
            Column::Instant(cast(array, &micros(Some(zone.clone())))?.as_primitive::<TimestampMicrosecondType>().clone())
        }
        DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64 => {
            Column::Wall(cast(array, &micros(None))?.as_primitive::<TimestampMicrosecondType>().clone())
        }
        DataType::Float64 | DataType::Float32 | DataType::Float16 | DataType::Decimal128(..) => {
            Column::Number(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
        }
        _ => Column::Text(cast(array, &DataType::Utf8)?.as_string::<i32>().clone()),
    })
}

impl Record for ParquetRows {
    fn time(&self, column: usize) -> TimeCell<'_> {
        match self.columns.get(&column) {
            Some(Column::Instant(values)) if values.is_valid(self.row) => TimeCell::Instant(values.value(self.row)),
            Some(Column::Wall(values)) if values.is_valid(self.row) => TimeCell::Wall(values.value(self.row)),
            _ => TimeCell::Text(self.text(column)),
        }
    }

    fn text(&self, column: usize) -> &str {
        match self.columns.get(&column) {
            Some(Column::Text(values)) if values.is_valid(self.row) => values.value(self.row),
            _ => "",
        }
    }

    fn number(&self, column: usize, numbers: &Numbers) -> Number {
        match self.columns.get(&column) {
            Some(Column::Number(values)) if values.is_valid(self.row) => Numbers::finite(values.value(self.row)),
            Some(Column::Text(values)) if values.is_valid(self.row) => numbers.read(values.value(self.row)),
            Some(Column::Instant(_) | Column::Wall(_)) => Number::Bad,
            _ => Number::Missing,
        }
    }

    fn raw(&self) -> String {
        let cell = |index: &usize| match self.columns.get(index) {
            Some(Column::Instant(values) | Column::Wall(values)) if values.is_valid(self.row) => values.value(self.row).to_string(),
            Some(Column::Number(values)) if values.is_valid(self.row) => values.value(self.row).to_string(),
            Some(Column::Text(values)) if values.is_valid(self.row) => values.value(self.row).to_owned(),
            _ => String::new(),
        };
        self.needed.iter().map(cell).collect::<Vec<_>>().join(",")
    }

    fn line(&self) -> u64 {
        self.read
    }
}

impl std::fmt::Debug for ParquetRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetRows").field("place", &self.place).field("read", &self.read).finish_non_exhaustive()
    }
}
