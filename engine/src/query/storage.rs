//! The store about itself in SQL: `storage`, one row per table that holds rows, and `storage_log`, one row.
//!
//! In: the state of the store. Out: batches. `SHOW STORAGE` is `SELECT * FROM storage`.

use crate::domain::micros;
use crate::domain::timestamp_type;
use crate::store::StoreStats;
use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::array::UInt64Array;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use std::sync::Arc;

/// Columns of `storage`.
pub(super) fn tables_schema() -> SchemaRef {
    let number = |name: &str, nullable| Field::new(name, DataType::UInt64, nullable);
    Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, false),
        number("version", true),
        number("files", false),
        number("rows", false),
        number("bytes", false),
        number("buffered_rows", false),
        number("buffered_bytes", false),
        number("log_lag", false),
        Field::new("newest", timestamp_type(), true),
    ]))
}

/// Rows of `storage`.
pub(super) fn tables(stats: &StoreStats) -> Result<RecordBatch, ArrowError> {
    let of = &stats.tables;
    let number = |values: Vec<u64>| Arc::new(UInt64Array::from(values)) as ArrayRef;
    let newest = of.iter().map(|table| table.newest.map(micros)).collect::<Vec<_>>();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(of.iter().map(|table| &table.name))),
        Arc::new(of.iter().map(|table| table.version).collect::<UInt64Array>()),
        number(of.iter().map(|table| table.files as u64).collect()),
        number(of.iter().map(|table| table.rows).collect()),
        number(of.iter().map(|table| table.bytes).collect()),
        number(of.iter().map(|table| table.buffered_rows as u64).collect()),
        number(of.iter().map(|table| table.buffered_bytes as u64).collect()),
        number(of.iter().map(|table| table.lag).collect()),
        Arc::new(TimestampMicrosecondArray::from(newest).with_timezone("UTC")),
    ];
    RecordBatch::try_new(tables_schema(), columns)
}

/// Columns of `storage_log`.
pub(super) fn log_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("files", DataType::UInt64, false), Field::new("bytes", DataType::UInt64, false)]))
}

/// The row of `storage_log`.
pub(super) fn log(stats: &StoreStats) -> Result<RecordBatch, ArrowError> {
    let files = UInt64Array::from(vec![stats.log_files as u64]);
    RecordBatch::try_new(log_schema(), vec![Arc::new(files), Arc::new(UInt64Array::from(vec![stats.log_bytes]))])
}
