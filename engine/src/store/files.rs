//! One Parquet file of a table: writing it durably, and what Delta's log says about it.
//!
//! In: sorted rows. Out: the file in its [`Place`], durable, with exact statistics. Its name holds a sum of its bytes, so damage is
//! known without a second file.

use super::StoreError;
use super::delta::blocking;
use super::place::Place;
use crate::domain::from_micros;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::compute::kernels::aggregate;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::TimestampMicrosecondType;
use deltalake::kernel::Action;
use deltalake::kernel::Add;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
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
use xxhash_rust::xxh3::xxh3_64;

/// Rows of a row group: small enough to skip what a query does not ask, large enough to compress; measured in docs/why.md.
const ROW_GROUP_ROWS: usize = 131_072;
/// Rows of a page, the least that is read.
const PAGE_ROWS: usize = 16_384;
/// Rows looked at, and distinct values among them, to tell a column of codes from one of measurements.
const PROBED_ROWS: usize = 4096;
const CODES: usize = 64;

/// Microseconds by which the bounds of a clock are taken wider than written: other writers cut times to milliseconds.
pub(super) const CLOCK_SLACK: i64 = 1000;

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
        let time = |bound: &str| text(bound, clock)?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond);
        Self {
            path,
            size,
            rows: stats["numRecords"].as_u64().unwrap_or(0),
            assets: text("minValues", "asset_id").zip(text("maxValues", "asset_id")),
            clock: time("minValues").zip(time("maxValues")).map(|(low, high)| (low - CLOCK_SLACK, high + CLOCK_SLACK)),
        }
    }

    /// True when the file may hold a row of that stretch of assets and time.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let assets = self.assets.as_ref().zip(other.assets.as_ref()).is_none_or(|(a, b)| a.0 <= b.1 && b.0 <= a.1);
        let clock = self.clock.zip(other.clock).is_none_or(|(a, b)| a.0 <= b.1 && b.0 <= a.1);
        assets && clock
    }
}

/// Writes rows, sorted by `key`, into a new file, durable on return. The file is encoded in memory: what `file_rows` rows become,
/// some tens of MB.
///
/// # Errors
/// [`StoreError::Arrow`], [`StoreError::Io`], [`StoreError::Storage`].
pub(super) async fn write(table: &str, place: &Place, key: &'static [&'static str], rows: RecordBatch) -> Result<Add, StoreError> {
    let named = table.to_owned();
    let (bytes, stats) = blocking("writing a file", move || {
        let bytes = encode(key, &rows).map_err(|cause| StoreError::Arrow { table: named, cause: cause.into() })?;
        Ok((bytes, statistics(&rows)))
    })
    .await?;
    let id = uuid::Uuid::now_v7();
    let path = format!("part-{id}.{:016x}.lz4.parquet", xxh3_64(&bytes));
    let size = bytes.len();
    place.put_new(&path, bytes.into()).await?;
    Ok(Add {
        path,
        partition_values: HashMap::new(),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        modification_time: millis_of(&id),
        data_change: true,
        stats: Some(stats.to_string()),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    })
}

/// When an id was made, milliseconds since 1970.
pub(super) fn millis_of(id: &uuid::Uuid) -> i64 {
    let (seconds, nanos) = id.get_timestamp().map_or((0, 0), |time| time.to_unix());
    i64::try_from(seconds.saturating_mul(1000).saturating_add(u64::from(nanos / 1_000_000))).unwrap_or(i64::MAX)
}

/// The sum a file's name says its bytes have; `None` for files of other programs and older versions.
pub(super) fn sum_in_name(path: &str) -> Option<u64> {
    let mut parts = path.rsplit('/').next()?.strip_suffix(".lz4.parquet")?.split('.').skip(1);
    let sum = parts.next().filter(|sum| sum.len() == 16)?;
    u64::from_str_radix(sum, 16).ok()
}

/// The sum of what a commit does: its files, and how far of the log they cover.
pub(super) fn sum_of(actions: &[Action], sequence: Option<u64>) -> String {
    let mut text = String::new();
    for action in actions {
        text.push_str(&serde_json::to_string(action).unwrap_or_default());
        text.push('\n');
    }
    text.push_str(&sequence.map_or_else(String::new, |sequence| sequence.to_string()));
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

fn encode(key: &[&str], rows: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
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
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties.build()))?;
    writer.write(rows)?;
    writer.into_inner()
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
pub(super) fn statistics(rows: &RecordBatch) -> Value {
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
