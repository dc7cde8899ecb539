//! One Parquet file of a table: writing it durably, and what Delta's log says about it.
//!
//! In: sorted rows. Out: the file on disk, synced, with exact statistics. The seam for object stores: only `write` and
//! `sync` here know that a table is a directory.

use super::StoreError;
use crate::domain::from_micros;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::compute::kernels::aggregate;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use deltalake::kernel::Add;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::EnabledStatistics;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::HashMap;
use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Rows of a row group: small enough to skip what a query does not ask, large enough to compress; measured in docs/why.md.
const ROW_GROUP_ROWS: usize = 131_072;
/// Rows of a page, the least that is read.
const PAGE_ROWS: usize = 16_384;
/// Rows looked at, and distinct values among them, to tell a column of codes from one of measurements.
const PROBED_ROWS: usize = 4096;
const CODES: usize = 64;

/// What a file holds, from its entry in the Delta log.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FileEntry {
    /// Path below the table's directory.
    pub(super) path: String,
    /// Bytes.
    pub(super) size: u64,
    /// Rows.
    pub(super) rows: u64,
    /// Smallest and largest asset id, `None` when unknown.
    pub(super) assets: Option<(String, String)>,
    /// Bounds of the clock in microseconds, never too narrow; `None` when unknown.
    pub(super) clock: Option<(i64, i64)>,
}

impl FileEntry {
    /// Reads the statistics of a Delta `add` action.
    pub(super) fn new(path: String, size: u64, stats: Option<&str>, clock: &str) -> Self {
        let stats: Value = stats.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
        let text = |bound: &str, column: &str| stats[bound][column].as_str().map(str::to_owned);
        // Other writers cut times to milliseconds, so the bounds are taken one millisecond wider.
        let time = |bound: &str| text(bound, clock)?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond);
        Self {
            path,
            size,
            rows: stats["numRecords"].as_u64().unwrap_or(0),
            assets: text("minValues", "asset_id").zip(text("maxValues", "asset_id")),
            clock: time("minValues").zip(time("maxValues")).map(|(low, high)| (low - 1000, high + 1000)),
        }
    }

    /// True when the file may hold a row of that stretch of assets and time.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let assets = self.assets.as_ref().zip(other.assets.as_ref()).is_none_or(|(a, b)| a.0 <= b.1 && b.0 <= a.1);
        let clock = self.clock.zip(other.clock).is_none_or(|(a, b)| a.0 <= b.1 && b.0 <= a.1);
        assets && clock
    }
}

/// Writes rows, sorted by `key`, into a new file and syncs it. Blocks.
pub(super) fn write(table: &str, directory: &Path, key: &[&str], rows: &RecordBatch) -> Result<Add, StoreError> {
    let name = format!("part-{}.lz4.parquet", uuid::Uuid::now_v7());
    let path = directory.join(&name);
    let io = |action, cause| StoreError::Io { action, path: path.clone(), cause };
    let schema = rows.schema();
    let sorting = key.iter().filter_map(|column| schema.index_of(column).ok()).map(|index| SortingColumn {
        column_idx: i32::try_from(index).unwrap_or(i32::MAX),
        descending: false,
        nulls_first: true,
    });
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_sorting_columns(Some(sorting.collect()))
        .set_statistics_enabled(EnabledStatistics::Page);
    for (field, column) in schema.fields().iter().zip(rows.columns()) {
        if is_measured(column) {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(field.name().as_str()), false);
        }
    }
    let properties = properties.build();
    let file = File::create(&path).map_err(|cause| io("create", cause))?;
    let parquet = |error: parquet::errors::ParquetError| match error {
        parquet::errors::ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(cause) => io("write", *cause),
            Err(cause) => StoreError::Arrow { table: table.into(), cause: ArrowError::ExternalError(cause) },
        },
        other => StoreError::Arrow { table: table.into(), cause: other.into() },
    };
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(parquet)?;
    writer.write(rows).map_err(parquet)?;
    let file = writer.into_inner().map_err(parquet)?;
    file.sync_all().map_err(|cause| io("sync", cause))?;
    let meta = file.metadata().map_err(|cause| io("read the size of", cause))?;
    let modified = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |age| age.as_millis());
    Ok(Add {
        path: name,
        partition_values: HashMap::new(),
        size: i64::try_from(meta.len()).unwrap_or(i64::MAX),
        modification_time: i64::try_from(modified).unwrap_or(i64::MAX),
        data_change: true,
        stats: Some(statistics(rows).to_string()),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    })
}

/// True for numbers that hardly repeat. A dictionary of them would be as long as the column, slow to build and slow to read.
fn is_measured(column: &dyn Array) -> bool {
    let Some(values) = column.as_primitive_opt::<Float64Type>() else { return false };
    let step = (values.len() / PROBED_ROWS).max(1);
    let mut met = HashSet::new();
    values.iter().step_by(step).flatten().any(|value| {
        met.insert(value.to_bits());
        met.len() > CODES
    })
}

/// Makes a finished file or a directory's list of names survive a power cut. Blocks.
pub(super) fn sync(path: &Path) -> Result<(), StoreError> {
    let sync = File::open(path).and_then(|file| file.sync_all());
    sync.map_err(|cause| StoreError::Io { action: "sync", path: path.into(), cause })
}

/// Delta's per-file statistics: <https://github.com/delta-io/delta/blob/master/PROTOCOL.md#per-file-statistics>.
fn statistics(rows: &RecordBatch) -> Value {
    let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        nulls.insert(field.name().clone(), json!(column.null_count()));
        let bounds = match column.data_type() {
            DataType::Float64 => {
                let values = column.as_primitive::<Float64Type>();
                let finite = values.iter().flatten().all(f64::is_finite);
                aggregate::min(values).zip(aggregate::max(values)).filter(|_| finite).map(|(a, b)| (json!(a), json!(b)))
            }
            DataType::Timestamp(..) => {
                let values = column.as_primitive::<TimestampMicrosecondType>();
                let text = |micros| json!(format!("{:.6}", from_micros(micros)));
                aggregate::min(values).zip(aggregate::max(values)).map(|(a, b)| (text(a), text(b)))
            }
            DataType::Utf8 => {
                let values = column.as_string::<i32>();
                let short = values.iter().flatten().all(|text| text.len() <= 64);
                aggregate::min_string(values)
                    .zip(aggregate::max_string(values))
                    .filter(|_| short)
                    .map(|(a, b)| (json!(a), json!(b)))
            }
            _ => None,
        };
        if let Some((a, b)) = bounds {
            low.insert(field.name().clone(), a);
            high.insert(field.name().clone(), b);
        }
    }
    json!({"numRecords": rows.num_rows(), "minValues": low, "maxValues": high, "nullCount": nulls})
}
