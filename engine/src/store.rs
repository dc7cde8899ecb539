//! The store: Delta Lake tables behind a write-ahead log and a buffer that queries see at once.
//!
//! In: checked [`Readings`], rows of the other tables, assets. Out: frames, weather, forecasts, and consistent [`Snapshot`]s
//! for SQL. Promise: an acknowledged row survives kill -9 and power loss, exactly once, and is visible to the next query.
//! The only room that touches a disk. SQL lives in `query`.

mod annotations;
mod anomalies;
mod backup;
mod bucket;
mod changes;
mod delta;
mod disk;
mod error;
mod events;
mod files;
mod index;
mod issued;
mod keys;
mod layer;
pub mod ledger;
mod local;
mod lock;
mod log;
mod merge;
mod open;
mod place;
mod point;
mod read;
mod recent;
mod registry;
mod retention;
mod shadow;
#[cfg(test)]
mod simulated;
mod table;
#[cfg(test)]
mod tests;
mod upkeep;
mod verify;
mod view;
mod write;

pub use anomalies::OpenAnomaly;
pub use backup::Manifest;
pub use backup::Progress;
pub use backup::SavedFile;
pub use backup::SavedTable;
pub use backup::backup;
pub use backup::restore;
pub use bucket::S3Options;
pub use bucket::Storage;
pub use changes::Mark;
pub use error::StoreError;
pub use issued::IssueSpan;
pub use keys::key_columns;
pub use open::FOOTER_BYTES;
pub use open::StoreOptions;
pub use retention::Retained;
pub use retention::Vacuumed;
pub use verify::Finding;
pub use verify::Harm;
pub use verify::Verified;
pub use verify::verify;
pub use view::View;

use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Frame;
use crate::domain::Quantities;
use crate::domain::Quantity;
use crate::domain::Readings;
use crate::domain::Resolution;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::Unit;
use crate::domain::WeatherForecasts;
use arrow::array::RecordBatch;
use datafusion::execution::runtime_env::RuntimeEnv;
use open::Inner;
use read::Reader;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Small files a table may gather before a flush joins them.
const FEW_FILES: usize = 16;

/// What became of the rows of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Rows that were sent.
    pub rows: usize,
    /// Keys that were new.
    pub inserted: usize,
    /// Keys that were known and got a new value.
    pub changed: usize,
    /// Rows that changed nothing, among them repeated keys of one batch.
    pub unchanged: usize,
}

/// Newest row of one asset, with the newest value of each quantity it has in that row.
#[derive(Debug, Clone, PartialEq)]
pub struct LatestRow {
    /// When the reading holds.
    pub time: Timestamp,
    /// Values in stored units; quantities that are null in that row are absent.
    pub values: BTreeMap<Quantity, f64>,
}

/// State of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStats {
    /// Name in SQL.
    pub name: String,
    /// Delta version, `None` before the first commit.
    pub version: Option<u64>,
    /// Files in the newest Delta version.
    pub files: usize,
    /// Rows in these files.
    pub rows: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Rows that are only in the log and the buffer.
    pub buffered_rows: usize,
    /// Bytes these rows take in memory.
    pub buffered_bytes: usize,
    /// Groups of the log that are not yet in the table's files.
    pub lag: u64,
    /// Newest time of a row (of the column that rises as history goes on), `None` without rows.
    pub newest: Option<Timestamp>,
}

/// State of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// One entry per table that holds rows.
    pub tables: Vec<TableStats>,
    /// Files in the write-ahead log.
    pub log_files: usize,
    /// Bytes of the write-ahead log.
    pub log_bytes: u64,
}

/// The tables at one moment; what SQL reads.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Tables of rows.
    pub views: BTreeMap<Table, Arc<View>>,
    /// The rows of `assets`.
    pub assets: RecordBatch,
    /// The rows of `quantities`: name, unit, lowest, highest, meaning.
    pub quantities: RecordBatch,
}

/// A store, open in this process only. Clones are handles to the same store; it closes with the last one.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl Store {
    /// Opens or creates a store, takes its lock and replays the log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(options: StoreOptions) -> Result<Self, StoreError> {
        Ok(Self { inner: Arc::new(Inner::open(options).await?) })
    }

    /// Writes telemetry through the log: durable on return, visible to the next query, idempotent.
    ///
    /// # Errors
    /// [`StoreError`]; after an error the same rows may be sent again.
    pub async fn append(&self, readings: Readings) -> Result<Receipt, StoreError> {
        self.append_table(Table::Telemetry(readings.kind()), readings.batch().clone()).await
    }

    /// Writes telemetry straight to Delta, for files: one commit, durable on return, idempotent.
    ///
    /// # Errors
    /// [`StoreError`]; after an error the same rows may be sent again.
    pub async fn import(&self, readings: Readings) -> Result<Receipt, StoreError> {
        self.import_table(Table::Telemetry(readings.kind()), readings.batch().clone()).await
    }

    /// Writes rows of any table through the log; see [`Store::append`].
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Domain`] when a base column is absent, null or of another type.
    pub async fn append_table(&self, table: Table, rows: RecordBatch) -> Result<Receipt, StoreError> {
        let rows = keys::conform(table, &rows)?;
        if rows.num_rows() == 0 {
            return Ok(Receipt::default());
        }
        Inner::append(&self.inner, table, rows).await
    }

    /// Writes rows of any table straight to Delta; see [`Store::import`].
    ///
    /// # Errors
    /// As [`Store::append_table`].
    pub async fn import_table(&self, table: Table, rows: RecordBatch) -> Result<Receipt, StoreError> {
        let rows = keys::conform(table, &rows)?;
        if rows.num_rows() == 0 {
            return Ok(Receipt::default());
        }
        Inner::import(&self.inner, table, rows).await
    }

    /// Adds assets, or replaces those with the same id; durable on return. Returns how many changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn upsert_assets(&self, assets: Vec<Asset>) -> Result<usize, StoreError> {
        Inner::upsert_assets(&self.inner, assets).await
    }

    /// All assets, by id.
    pub fn assets(&self) -> Vec<Asset> {
        self.inner.small().assets.values().cloned().collect()
    }

    /// One asset.
    pub fn asset(&self, id: &AssetId) -> Option<Asset> {
        self.inner.small().assets.get(id).cloned()
    }

    /// Declares a quantity of the site; durable on return.
    ///
    /// # Errors
    /// [`StoreError::Domain`] for a bad name or a unit of another dimension than the known one.
    pub async fn declare(&self, name: &str, unit: Unit) -> Result<Quantity, StoreError> {
        Inner::declare(&self.inner, name, unit).await
    }

    /// The standard quantities and those the site declared.
    pub fn quantities(&self) -> Quantities {
        self.inner.small().quantities.clone()
    }

    /// All tables at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let small = self.inner.small();
        Snapshot { views: self.inner.views(), assets: small.assets_rows.clone(), quantities: small.quantities_rows.clone() }
    }

    /// Telemetry on a grid, one frame per asset that has rows, in the order of `assets`.
    /// `range` limits `time`, `quantities` limits the columns; `None` is all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn frames(
        &self,
        assets: &[Asset],
        range: Option<TimeRange>,
        resolution: Resolution,
        quantities: Option<&[Quantity]>,
    ) -> Result<Vec<Frame>, StoreError> {
        let mut frames = BTreeMap::new();
        for kind in AssetKind::ALL {
            let of_kind: Vec<&Asset> = assets.iter().filter(|asset| asset.kind == kind).collect();
            if !of_kind.is_empty() {
                let read = self.reader(Table::Telemetry(kind)).frames(&of_kind, range, resolution, quantities).await?;
                frames.extend(read.into_iter().map(|frame| (frame.asset.id.clone(), frame)));
            }
        }
        Ok(assets.iter().filter_map(|asset| frames.remove(&asset.id)).collect())
    }

    /// Telemetry of one asset as stored, sorted by time: `time, asset_id, available_at`, then the quantities asked for
    /// (all when `None`; columns the table lacks are absent). At most `limit` rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn readings(
        &self,
        asset: &Asset,
        range: Option<TimeRange>,
        quantities: Option<&[Quantity]>,
        limit: Option<usize>,
    ) -> Result<RecordBatch, StoreError> {
        self.inner.readings(asset, range, quantities, limit).await
    }

    /// All weather forecasts of one asset.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn weather(&self, asset: &AssetId) -> Result<WeatherForecasts, StoreError> {
        self.reader(Table::WeatherForecast).weather(asset).await
    }

    /// Newest row of each asset of a kind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn latest(&self, kind: AssetKind) -> Result<BTreeMap<AssetId, LatestRow>, StoreError> {
        self.inner.latest(kind).await
    }

    /// Time of the newest row of that asset; cheap.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest(&self, asset: &Asset) -> Result<Option<Timestamp>, StoreError> {
        self.inner.newest(asset).await
    }

    /// First and last time with a row of that asset.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn extent(&self, asset: &Asset) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        self.reader(Table::Telemetry(asset.kind)).extent(asset).await
    }

    /// Moves all buffered rows to Delta, shortens the log, and joins small files where many have gathered.
    ///
    /// # Errors
    /// [`StoreError`]; the rows stay in the log and the buffer.
    pub async fn flush(&self) -> Result<(), StoreError> {
        Inner::tidy(&self.inner, FEW_FILES).await.map(|_| ())
    }

    /// Flushes, then joins all small files into large ones. Returns how many files went away.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn compact(&self) -> Result<usize, StoreError> {
        Inner::tidy(&self.inner, 2).await
    }

    /// Takes away the rows of a table that are older than `before` (of the column that rises as history goes on); durable on return.
    /// Rows of a file of which less than a 32nd is older stay. The files are there until a [`Store::vacuum`].
    ///
    /// # Errors
    /// [`StoreError`]; some rows may still be there.
    pub async fn retain(&self, table: Table, before: Timestamp) -> Result<Retained, StoreError> {
        Inner::retain(&self.inner, table, before).await
    }

    /// Removes files that left their tables before `older_than` and that no query here reads, and what crashes left behind.
    ///
    /// # Errors
    /// [`StoreError`]; some files may be gone already, none that is needed.
    pub async fn vacuum(&self, older_than: Timestamp) -> Result<Vacuumed, StoreError> {
        Inner::vacuum(&self.inner, older_than).await
    }

    /// Files, rows and bytes per table, and the length of the log.
    pub fn stats(&self) -> StoreStats {
        self.inner.stats()
    }

    /// Where the order of all writes stands: take it before reading what shall be kept.
    pub fn mark(&self) -> Mark {
        self.inner.changes.mark()
    }

    /// The earliest time (of the column that rises as history goes on) at which a table may hold other rows than at `mark`; `None` when
    /// it holds the same.
    pub fn changed_since(&self, table: Table, mark: Mark) -> Option<Timestamp> {
        self.inner.changes.since(table, mark)
    }

    /// Lets scans of this store's tables read their files in this environment.
    pub fn register(&self, environment: &RuntimeEnv) {
        self.inner.place().register(environment);
    }

    fn reader(&self, table: Table) -> Reader<'_> {
        self.inner.reader(table)
    }
}
