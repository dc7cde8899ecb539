//! Writing dataset directories, the exchange format: `dataset.toml`, `assets.csv`, `<table>.csv.gz`.
//!
//! In: a description, assets, checked batches in pieces. Out: files any tool reads, the same bytes for the same input. Telemetry
//! is written without `available_at`: a reader takes the end of the interval (`interval_label`). Values are in stored units.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, SchemaRef, TimestampMicrosecondType};
use engine::domain::AVAILABLE_AT;
use engine::domain::Asset;
use engine::domain::IntervalLabel;
use engine::domain::Quantities;
use engine::domain::Readings;
use engine::domain::Resolution;
use engine::domain::Table;
use engine::domain::from_micros;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// Why a directory could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk refused.
    #[error("cannot write {}: {cause}; check that the folder exists, has room and may be written", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The folder holds something already.
    #[error("{} is not empty; give a new folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// Pieces of one table with different columns.
    #[error("table {table}: a later piece has the columns {found}, the first had {expected}; write one set of columns")]
    Columns {
        /// The table.
        table: &'static str,
        /// Columns of the first piece.
        expected: String,
        /// Columns of the later piece.
        found: String,
    },
    /// A column of a type the format does not have.
    #[error("table {table}: column {column:?} is {found}; only times, texts and 64-bit numbers can be written")]
    Type {
        /// The table.
        table: &'static str,
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// A quantity nobody declared has no unit to write.
    #[error("quantity {quantity:?} has no unit; declare it before writing")]
    Unit {
        /// The quantity.
        quantity: String,
    },
}

/// What `dataset.toml` says about the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// Short name, as an identifier.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Licence of the data.
    pub licence: String,
    /// Where the data come from.
    pub source: String,
    /// Whom to name.
    pub attribution: String,
    /// May it be passed on?
    pub redistributable: bool,
    /// Spacing of telemetry.
    pub resolution: Resolution,
    /// What its time stamps name.
    pub interval_label: IntervalLabel,
    /// What a user must know.
    pub note: String,
}

/// A directory being written.
#[derive(Debug)]
pub struct DatasetWriter {
    path: PathBuf,
    description: Description,
    quantities: Quantities,
    tables: BTreeMap<Table, OpenTable>,
    used: BTreeSet<String>,
}

#[derive(Debug)]
struct OpenTable {
    path: PathBuf,
    schema: SchemaRef,
    rows: u64,
    out: csv::Writer<GzEncoder<BufWriter<File>>>,
}

impl DatasetWriter {
    /// Makes the folder (or takes an empty one) and writes `assets.csv`; `quantities` knows the unit of every column to come.
    ///
    /// # Errors
    /// [`WriteError::Io`], [`WriteError::NotEmpty`].
    pub fn create(path: &Path, description: Description, quantities: Quantities, assets: &[Asset]) -> Result<Self, WriteError> {
        std::fs::create_dir_all(path).map_err(io(path))?;
        if std::fs::read_dir(path).map_err(io(path))?.next().is_some() {
            return Err(WriteError::NotEmpty { path: path.into() });
        }
        write_assets(&path.join("assets.csv"), assets)?;
        Ok(Self { path: path.into(), description, quantities, tables: BTreeMap::new(), used: BTreeSet::new() })
    }

    /// Appends telemetry to the table of its kind.
    ///
    /// # Errors
    /// As [`DatasetWriter::append_batch`].
    pub fn append(&mut self, readings: &Readings) -> Result<(), WriteError> {
        self.append_batch(Table::Telemetry(readings.kind()), readings.batch())
    }

    /// Appends a batch to any table; the first piece decides the columns.
    ///
    /// # Errors
    /// [`WriteError::Columns`], [`WriteError::Type`], [`WriteError::Unit`], [`WriteError::Io`].
    pub fn append_batch(&mut self, table: Table, batch: &RecordBatch) -> Result<(), WriteError> {
        let written: Vec<usize> = (0..batch.num_columns()).filter(|&i| is_written(table, batch.schema().field(i).name())).collect();
        let batch = batch.project(&written).map_err(|error| WriteError::Columns {
            table: table.name(),
            expected: "columns of the batch".into(),
            found: error.to_string(),
        })?;
        if !self.tables.contains_key(&table) {
            let open = self.open(table, batch.schema())?;
            self.tables.insert(table, open);
        }
        let Some(open) = self.tables.get_mut(&table) else { return Ok(()) };
        if open.schema != batch.schema() {
            let names = |schema: &SchemaRef| schema.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>().join(",");
            let (expected, found) = (names(&open.schema), names(&batch.schema()));
            return Err(WriteError::Columns { table: table.name(), expected, found });
        }
        let schema = batch.schema();
        let mut columns = Vec::new();
        for (array, field) in batch.columns().iter().zip(schema.fields()) {
            columns.push(Cells::of(table, field.name(), array)?);
        }
        let mut text = String::new();
        for row in 0..batch.num_rows() {
            for column in &columns {
                text.clear();
                column.write(row, &mut text);
                open.out.write_field(&text).map_err(csv_io(&open.path))?;
            }
            open.out.write_record(None::<&[u8]>).map_err(csv_io(&open.path))?;
        }
        open.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Closes the files and writes `dataset.toml`; returns the number of rows.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn finish(self) -> Result<u64, WriteError> {
        let d = &self.description;
        let mut root = toml::Table::new();
        for (key, value) in [
            ("name", d.name.as_str()),
            ("title", &d.title),
            ("licence", &d.licence),
            ("source", &d.source),
            ("attribution", &d.attribution),
            ("resolution", &d.resolution.to_string()),
            ("interval_label", d.interval_label.name()),
            ("assets", "assets.csv"),
            ("note", &d.note),
        ] {
            root.insert(key.into(), value.into());
        }
        root.insert("redistributable".into(), d.redistributable.into());
        let (mut total, mut files) = (0, Vec::new());
        for (table, open) in self.tables {
            let failed = |error: csv::IntoInnerError<_>| WriteError::Io {
                path: open.path.clone(),
                cause: std::io::Error::other(error.error().to_string()),
            };
            let gz = open.out.into_inner().map_err(failed)?;
            gz.finish().and_then(|mut file| file.flush()).map_err(io(&open.path))?;
            let mut file = toml::Table::new();
            file.insert("path".into(), format!("{table}.csv.gz").into());
            file.insert("table".into(), table.name().into());
            file.insert("rows".into(), i64::try_from(open.rows).unwrap_or(i64::MAX).into());
            files.push(toml::Value::Table(file));
            total += open.rows;
        }
        root.insert("file".into(), files.into());
        let mut units = toml::Table::new();
        for name in &self.used {
            if let Ok((_, info)) = self.quantities.get(name) {
                units.insert(name.clone(), info.unit.name().into());
            }
        }
        root.insert("units".into(), units.into());
        let path = self.path.join("dataset.toml");
        std::fs::write(&path, root.to_string()).map_err(io(&path))?;
        Ok(total)
    }

    fn open(&mut self, table: Table, schema: SchemaRef) -> Result<OpenTable, WriteError> {
        let base = table.base_schema();
        let quantities = schema.fields().iter().map(|f| f.name()).filter(|name| base.column_with_name(name).is_none());
        for name in quantities {
            self.quantities.get(name).map_err(|_| WriteError::Unit { quantity: name.clone() })?;
            self.used.insert(name.clone());
        }
        let path = self.path.join(format!("{table}.csv.gz"));
        let file = BufWriter::new(File::create(&path).map_err(io(&path))?);
        let mut out = csv::Writer::from_writer(GzEncoder::new(file, Compression::new(4)));
        out.write_record(schema.fields().iter().map(|f| f.name().as_str())).map_err(csv_io(&path))?;
        Ok(OpenTable { path, schema, rows: 0, out })
    }
}

fn is_written(table: Table, column: &str) -> bool {
    !(matches!(table, Table::Telemetry(_)) && column == AVAILABLE_AT)
}

/// A column of a batch, ready to be written cell by cell.
enum Cells<'a> {
    Time(&'a arrow::array::TimestampMicrosecondArray),
    Text(&'a arrow::array::StringArray),
    Number(&'a arrow::array::Float64Array),
}

impl<'a> Cells<'a> {
    fn of(table: Table, column: &str, array: &'a dyn Array) -> Result<Self, WriteError> {
        match array.data_type() {
            DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, _) => {
                Ok(Self::Time(array.as_primitive::<TimestampMicrosecondType>()))
            }
            DataType::Utf8 => Ok(Self::Text(array.as_string::<i32>())),
            DataType::Float64 => Ok(Self::Number(array.as_primitive::<Float64Type>())),
            other => Err(WriteError::Type { table: table.name(), column: column.into(), found: other.to_string() }),
        }
    }

    /// Appends a cell; a null is an empty field, a number the shortest text that reads back the same.
    fn write(&self, row: usize, out: &mut String) {
        let written = match self {
            Self::Time(array) if array.is_valid(row) => write!(out, "{}", from_micros(array.value(row))),
            Self::Text(array) if array.is_valid(row) => out.write_str(array.value(row)),
            Self::Number(array) if array.is_valid(row) => write!(out, "{}", array.value(row)),
            _ => Ok(()),
        };
        debug_assert!(written.is_ok(), "a String takes any text");
    }
}

fn write_assets(path: &Path, assets: &[Asset]) -> Result<(), WriteError> {
    let mut out = csv::Writer::from_path(path).map_err(csv_io(path))?;
    let head = ["asset_id", "kind", "parent_id", "name", "latitude", "longitude", "capacity_kw", "timezone"];
    out.write_record(head).map_err(csv_io(path))?;
    for asset in assets {
        let number = |value: Option<f64>| value.map_or_else(String::new, |v| ((v * 1e6).round() / 1e6).to_string());
        let row = [
            asset.id.to_string(),
            asset.kind.name().into(),
            asset.parent_id.as_ref().map_or_else(String::new, ToString::to_string),
            asset.name.clone(),
            number(asset.location.map(|l| l.latitude)),
            number(asset.location.map(|l| l.longitude)),
            number(asset.capacity_kw),
            asset.timezone.clone(),
        ];
        out.write_record(row).map_err(csv_io(path))?;
    }
    out.flush().map_err(io(path))
}

/// Writes a small CSV file of texts beside the tables, for example `labels.csv`.
///
/// # Errors
/// [`WriteError::Io`].
pub fn write_sheet(path: &Path, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<(), WriteError> {
    let mut out = csv::Writer::from_path(path).map_err(csv_io(path))?;
    out.write_record(head).map_err(csv_io(path))?;
    for row in rows {
        out.write_record(row).map_err(csv_io(path))?;
    }
    out.flush().map_err(io(path))
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> WriteError + '_ {
    move |cause| WriteError::Io { path: path.into(), cause }
}

fn csv_io(path: &Path) -> impl FnOnce(csv::Error) -> WriteError + '_ {
    move |error| WriteError::Io { path: path.into(), cause: std::io::Error::other(error) }
}
