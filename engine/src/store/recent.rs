//! What is asked hundreds of times a second: the newest row of an asset, and its rows over a stretch of time.
//!
//! In: an asset. Out: its rows, from the layers by their index and from the few files that can hold more. Other reading is in `read`.

use super::LatestRow;
use super::StoreError;
use super::error::arrow_error;
use super::error::read_error;
use super::files::FileEntry;
use super::keys::widen;
use super::open::Inner;
use super::open::Slot;
use super::point::Point;
use super::read::Reader;
use super::read::collect;
use super::read::latest_rows;
use super::read::within;
use super::table::Frozen;
use super::table::TableState;
use super::view::View;
use crate::domain::ASSET_ID;
use crate::domain::AVAILABLE_AT;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Quantity;
use crate::domain::TIME;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::micros;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::compute::filter_record_batch;
use arrow::compute::sort_to_indices;
use arrow::compute::take_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ident;
use datafusion::logical_expr::lit;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files of one answer that are read at the same time.
const AT_ONCE: usize = 4;

/// The newest row of each asset in the files of one version.
pub(super) type Newest = Option<(Arc<[Arc<FileEntry>]>, Arc<BTreeMap<AssetId, LatestRow>>)>;

impl Inner {
    /// Newest row by asset.
    pub(super) async fn latest(&self, kind: AssetKind) -> Result<BTreeMap<AssetId, LatestRow>, StoreError> {
        let Some(slot) = self.tables.get(&Table::Telemetry(kind)) else { return Ok(BTreeMap::new()) };
        let buffered = slot.state.lock().await.latest()?;
        let mut rows = self.newest_in_files(kind, slot).await?.as_ref().clone();
        for batch in buffered {
            add_newer(&mut rows, latest_rows(&batch)?);
        }
        Ok(rows)
    }

    /// Time of the newest row of one asset.
    pub(super) async fn newest(&self, asset: &Asset) -> Result<Option<Timestamp>, StoreError> {
        let Some(slot) = self.tables.get(&Table::Telemetry(asset.kind)) else { return Ok(None) };
        let buffered = slot.state.lock().await.newest_of(asset.id.as_str());
        let filed = self.newest_in_files(asset.kind, slot).await?.get(&asset.id).map(|row| row.time);
        Ok(buffered.max(filed))
    }

    /// Read once, then carried along by the flushes; whoever asks meanwhile waits for the one who reads.
    async fn newest_in_files(&self, kind: AssetKind, slot: &Slot) -> Result<Arc<BTreeMap<AssetId, LatestRow>>, StoreError> {
        let mut held = slot.newest.lock().await;
        let base = slot.state.lock().await.base().clone();
        if let Some((files, rows)) = held.as_ref()
            && Arc::ptr_eq(files, &base.files)
        {
            return Ok(Arc::clone(rows));
        }
        let files = Arc::clone(&base.files);
        let rows = Arc::new(Reader { context: self.context(), table: Table::Telemetry(kind), view: base }.latest().await?);
        *held = Some((files, Arc::clone(&rows)));
        Ok(rows)
    }

    /// Stored rows of one asset, sorted by time: `time, asset_id, available_at`, then the quantities asked for that the table has.
    pub(super) async fn readings(
        &self,
        asset: &Asset,
        range: Option<TimeRange>,
        quantities: Option<&[Quantity]>,
        limit: Option<usize>,
    ) -> Result<RecordBatch, StoreError> {
        let table = Table::Telemetry(asset.kind);
        let Some(slot) = self.tables.get(&table) else { return Ok(RecordBatch::new_empty(Arc::new(table.base_schema()))) };
        let (above, below) = {
            let state = slot.state.lock().await;
            (state.rows_of(asset.id.as_str(), range)?, state.below())
        };
        let mut columns = vec![TIME, ASSET_ID, AVAILABLE_AT];
        match quantities {
            Some(wanted) => {
                columns.extend(wanted.iter().map(Quantity::name).filter(|name| below.schema.column_with_name(name).is_some()));
            }
            None => columns.extend(below.schema.fields().iter().skip(3).map(|field| field.name().as_str())),
        }
        let places = columns.iter().map(|name| below.schema.index_of(name)).collect::<Result<Vec<_>, _>>();
        let schema = places.and_then(|places| below.schema.project(&places)).map(Arc::new).map_err(arrow_error(table))?;
        let mut parts = above.iter().map(|rows| widen(rows, &schema)).collect::<Result<Vec<_>, _>>().map_err(arrow_error(table))?;
        let mut filters = within(range);
        filters.push(ident(ASSET_ID).eq(lit(asset.id.as_str())));
        let bounds = range.map(|range| (micros(range.start()), micros(range.end())));
        let point = Point { asset: asset.id.to_string(), range: bounds };
        let wanted = FileEntry {
            path: String::new(),
            size: 0,
            rows: 0,
            assets: Some((asset.id.to_string(), asset.id.to_string())),
            clock: bounds,
        };
        let files: Vec<Arc<FileEntry>> = below.files.iter().filter(|file| file.overlaps(&wanted)).cloned().collect();
        // Oldest files first, more at a time; a page is full when enough rows are older than all that is left.
        let (mut from, mut count) = (0, if limit.is_some() { 1 } else { files.len() });
        while from < files.len() {
            let left = files[from].clock.map(|(low, _)| low);
            if limit.is_some_and(|limit| limit <= older(&parts, left)) {
                break;
            }
            let to = files.len().min(from + count);
            let read = |file: &Arc<FileEntry>| {
                let (file, below, point, columns, filters) = (Arc::clone(file), &below, &point, &columns, &filters);
                async move { self.rows_in_file(below, file, point, columns, filters).await }
            };
            let read: Vec<_> =
                stream::iter(&files[from..to]).map(read).buffered(AT_ONCE).try_collect().await.map_err(read_error(table))?;
            for rows in read.iter().flatten() {
                parts.push(widen(rows, &schema).map_err(arrow_error(table))?);
            }
            (from, count) = (to, count * 2);
        }
        let sorted = || {
            let all = concat_batches(&schema, &parts)?;
            let order = sort_to_indices(all.column(0), None, limit)?;
            take_record_batch(&all, &order)
        };
        sorted().map_err(arrow_error(table))
    }

    /// Rows of one asset in one file that no newer row in memory replaces.
    async fn rows_in_file(
        &self,
        below: &View,
        file: Arc<FileEntry>,
        point: &Point,
        columns: &[&str],
        filters: &[Expr],
    ) -> Result<Vec<RecordBatch>, DataFusionError> {
        let Some(mut read) = point.rows(self.context(), below, &file, columns).await? else {
            let mut view = below.only(vec![file]);
            view.shadows.clone_from(&below.shadows);
            return collect(self.context(), view, columns, filters).await;
        };
        if let Some(shadows) = below.shadows.as_ref().filter(|shadows| !shadows.is_empty() && shadows.touches(&file)) {
            for rows in &mut read {
                *rows = filter_record_batch(rows, &shadows.visible(rows)?)?;
            }
        }
        Ok(read)
    }
}

impl Slot {
    /// Changes the files of the table under the eyes of nobody: what is known of their newest rows stays true when the rows of
    /// the layer that went into them are added.
    pub(super) async fn change_files(&self, frozen: Option<&Frozen>, change: impl FnOnce(&mut TableState)) {
        let mut held = self.newest.lock().await;
        let (before, after) = {
            let mut state = self.state.lock().await;
            let before = Arc::clone(&state.base().files);
            change(&mut state);
            (before, Arc::clone(&state.base().files))
        };
        let Some((files, mut rows)) = held.take() else { return };
        if !Arc::ptr_eq(&files, &before) {
            return;
        }
        if let Some(frozen) = frozen {
            let batch = frozen.layer.gather(&frozen.layer.newest(), &frozen.layer.schema(None));
            let Some(newer) = batch.ok().and_then(|batch| latest_rows(&batch).ok()) else { return };
            add_newer(Arc::make_mut(&mut rows), newer);
        }
        *held = Some((after, rows));
    }
}

fn add_newer(rows: &mut BTreeMap<AssetId, LatestRow>, newer: Vec<(AssetId, LatestRow)>) {
    for (asset, row) in newer {
        if rows.get(&asset).is_none_or(|held| held.time <= row.time) {
            rows.insert(asset, row);
        }
    }
}

/// Rows older than a time; all when there is none.
fn older(parts: &[RecordBatch], than: Option<i64>) -> usize {
    let times = parts.iter().flat_map(|rows| rows.column(0).as_primitive::<TimestampMicrosecondType>().values());
    times.filter(|&&time| than.is_some_and(|than| time < than)).count()
}
