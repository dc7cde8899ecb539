//! One table being written: what is in Delta, and the layers of rows on top of it. The rules of merging live here.
//!
//! In: conforming rows with their place in the log. Out: a receipt and a new [`View`]. One writer at a time (the caller locks), and only
//! for as long as rows move in memory; a row that may replace one in Delta waits for a look at the few files that can hold it. How rows
//! leave for Delta is in `settle`.

mod settle;

use super::Receipt;
use super::StoreError;
use super::error::arrow_error;
use super::error::read_error;
use super::files::FileEntry;
use super::index::BatchKeys;
use super::index::Names;
use super::index::Recent;
use super::keys::clock;
use super::keys::key_columns;
use super::layer::Layer;
use super::layer::Run;
use super::merge::Merged;
use super::merge::key_rows;
use super::merge::merge;
use super::read::collect;
use super::shadow::bounds;
use super::view::View;
use crate::domain::ASSET_ID;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::RecordBatch;
use arrow::array::UInt32Array;
use arrow::compute::filter_record_batch;
use arrow::compute::take_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ident;
use datafusion::logical_expr::lit;
use datafusion::scalar::ScalarValue;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Keys of flushed rows that are remembered, so that a late row is known to be new without a look at Delta.
const RECENT_KEYS: usize = 4_000_000;
/// Assets a look at Delta names one by one; above, only their bounds.
const FEW_ASSETS: usize = 64;

/// A table open for writing.
pub(super) struct TableState {
    table: Table,
    /// The newest Delta version.
    base: View,
    /// Newest clock in Delta.
    newest_base: Option<i64>,
    names: Names,
    active: Layer,
    frozen: Option<Arc<Frozen>>,
    /// Rows of the frozen layer that the active one replaced.
    replaced: BTreeSet<u32>,
    /// Newest time by number of the asset, of all rows this process has seen.
    newest: Vec<i64>,
    recent: Recent,
    /// Newest place in the log that was applied.
    reached: u64,
    reader: SessionContext,
}

/// A layer on its way to Delta.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) layer: Layer,
    /// Its rows in key order.
    pub(super) order: Vec<u32>,
}

impl fmt::Debug for TableState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableState").field("table", &self.table).field("buffered", &self.buffered()).finish_non_exhaustive()
    }
}

/// What the rows of a batch are to the table.
#[derive(Default)]
struct Places {
    fresh: Vec<u32>,
    /// Rows with a key that is or may be held, and where.
    late: Vec<u32>,
    in_active: Vec<u32>,
    in_frozen: Vec<u32>,
    /// Rows of `late` that Delta may hold.
    below: Vec<u32>,
}

impl TableState {
    /// A table as Delta has it.
    pub(super) fn new(table: Table, base: View, applied: u64, reader: SessionContext) -> Self {
        let newest_base = settle::newest_of(&base);
        Self {
            table,
            newest_base,
            names: Names::default(),
            active: Layer::new(table),
            frozen: None,
            replaced: BTreeSet::new(),
            newest: Vec::new(),
            recent: Recent::new(newest_base, RECENT_KEYS),
            reached: applied,
            base,
            reader,
        }
    }

    /// Rows that are only in the log and here.
    pub(super) fn buffered(&self) -> usize {
        self.active.len() + self.frozen.as_ref().map_or(0, |frozen| frozen.layer.len() - self.replaced.len())
    }

    /// Rows that no flush has taken yet.
    pub(super) fn waiting(&self) -> usize {
        self.active.len()
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.active.bytes() + self.frozen.as_ref().map_or(0, |frozen| frozen.layer.bytes())
    }

    /// The table as queries shall see it now.
    pub(super) fn view(&self) -> View {
        let mut runs: Vec<Run> = match &self.frozen {
            Some(frozen) if self.replaced.is_empty() => frozen.layer.runs(),
            Some(frozen) => frozen.layer.runs_without(&self.replaced),
            None => Vec::new(),
        };
        runs.extend(self.active.runs());
        View { buffered: runs, ..self.below() }
    }

    /// Takes rows the log holds under `sequence`.
    pub(super) async fn apply(&mut self, rows: &RecordBatch, sequence: u64) -> Result<Receipt, StoreError> {
        let sent = rows.num_rows();
        let mut rows = rows.clone();
        let mut keys = BatchKeys::new(self.table, &mut self.names, &rows).map_err(self.arrow())?;
        if !self.rises(&keys) {
            rows = merge(key_columns(self.table), &[], &rows).map_err(self.arrow())?.rows;
            keys = BatchKeys::new(self.table, &mut self.names, &rows).map_err(self.arrow())?;
        }
        let places = self.places(&rows, &keys);
        let mut receipt = Receipt { rows: sent, inserted: places.fresh.len(), ..Receipt::default() };
        if places.late.is_empty() {
            self.active.push(rows, &keys).map_err(self.arrow())?;
        } else {
            let merged = self.merge_late(&rows, &places).await?;
            receipt.inserted += merged.receipt.inserted;
            receipt.changed = merged.receipt.changed;
            if !places.fresh.is_empty() {
                let fresh = take_record_batch(&rows, &UInt32Array::from(places.fresh)).map_err(self.arrow())?;
                let keys = BatchKeys::new(self.table, &mut self.names, &fresh).map_err(self.arrow())?;
                self.active.push(fresh, &keys).map_err(self.arrow())?;
            }
            self.put_late(merged)?;
        }
        receipt.unchanged = sent - receipt.inserted - receipt.changed;
        self.note_newest(&keys);
        self.reached = self.reached.max(sequence);
        self.active.reached(sequence);
        self.active.bury(self.table, &mut self.names).map_err(self.arrow())?;
        Ok(receipt)
    }

    /// True when no key stands twice in the batch and no asset goes back in time in it.
    fn rises(&self, keys: &BatchKeys) -> bool {
        match keys {
            BatchKeys::Series(numbers, times) => {
                if let [first, rest @ ..] = numbers.as_slice()
                    && rest.iter().all(|number| number == first)
                {
                    return times.windows(2).all(|pair| pair[0] < pair[1]);
                }
                let mut last = vec![i64::MIN; self.names.len()];
                numbers.iter().zip(times).all(|(&number, &time)| {
                    let before = std::mem::replace(&mut last[number as usize], time);
                    before < time || (before == i64::MIN && time == i64::MIN)
                })
            }
            BatchKeys::Bytes(keys) => {
                let mut seen = HashSet::with_capacity(keys.num_rows());
                keys.iter().all(|key| seen.insert(key.data()))
            }
        }
    }

    fn places(&self, rows: &RecordBatch, keys: &BatchKeys) -> Places {
        let mut places = Places::default();
        let clocks = rows[clock(self.table)].as_primitive::<TimestampMicrosecondType>().values();
        for at in 0..rows.num_rows() {
            let (row, time) = (at as u32, clocks[at]);
            let certainly_new = match keys {
                BatchKeys::Series(numbers, _) => {
                    self.newest.get(numbers[at] as usize).is_none_or(|&newest| time > newest)
                        && self.recent.rules_out(numbers[at], time)
                }
                BatchKeys::Bytes(_) => false,
            };
            if certainly_new {
                places.fresh.push(row);
                continue;
            }
            if let Some(held) = self.active.find(keys, at) {
                places.in_active.push(held);
            } else if let Some(held) = self.frozen.as_ref().and_then(|frozen| frozen.layer.find(keys, at)) {
                places.in_frozen.push(held);
            } else {
                let ruled_out = match keys {
                    BatchKeys::Series(numbers, _) => self.recent.rules_out(numbers[at], time),
                    BatchKeys::Bytes(_) => self.newest_base.is_none_or(|newest| time > newest),
                };
                if ruled_out {
                    places.fresh.push(row);
                    continue;
                }
                places.below.push(row);
            }
            places.late.push(row);
        }
        places
    }

    /// Late rows merged with what the layers and Delta hold of their keys.
    async fn merge_late(&self, rows: &RecordBatch, places: &Places) -> Result<Merged, StoreError> {
        let mut held = Vec::new();
        if !places.in_active.is_empty() {
            held.push(self.active.gather(&places.in_active, &self.active.schema(None)).map_err(self.arrow())?);
        }
        if let (Some(frozen), false) = (&self.frozen, places.in_frozen.is_empty()) {
            held.push(frozen.layer.gather(&places.in_frozen, &frozen.layer.schema(None)).map_err(self.arrow())?);
        }
        if !places.below.is_empty() {
            let below = take_record_batch(rows, &UInt32Array::from(places.below.clone())).map_err(self.arrow())?;
            held.extend(self.look_up(&below).await?);
        }
        let late = take_record_batch(rows, &UInt32Array::from(places.late.clone())).map_err(self.arrow())?;
        merge(key_columns(self.table), &held, &late).map_err(self.arrow())
    }

    /// Puts new and changed rows of a merge on top, and hides what they replace.
    fn put_late(&mut self, merged: Merged) -> Result<(), StoreError> {
        for (rows, new) in [(merged.inserted, true), (merged.changed, false)] {
            if rows.num_rows() == 0 {
                continue;
            }
            let keys = BatchKeys::new(self.table, &mut self.names, &rows).map_err(self.arrow())?;
            if !new {
                let below: BooleanArray = (0..rows.num_rows()).map(|at| Some(self.active.find(&keys, at).is_none())).collect();
                if let Some(frozen) = &self.frozen {
                    let replaced = (0..rows.num_rows()).filter(|&at| below.value(at));
                    self.replaced.extend(replaced.filter_map(|at| frozen.layer.find(&keys, at)));
                }
                let hidden = filter_record_batch(&rows, &below).map_err(self.arrow())?;
                self.active.hide(&hidden).map_err(self.arrow())?;
            }
            self.active.push(rows, &keys).map_err(self.arrow())?;
        }
        Ok(())
    }

    fn note_newest(&mut self, keys: &BatchKeys) {
        let BatchKeys::Series(numbers, times) = keys else { return };
        self.newest.resize(self.names.len(), i64::MIN);
        for (&number, &time) in numbers.iter().zip(times) {
            let newest = &mut self.newest[number as usize];
            *newest = (*newest).max(time);
        }
    }

    /// Rows of Delta with a key of these rows.
    async fn look_up(&self, rows: &RecordBatch) -> Result<Vec<RecordBatch>, StoreError> {
        let wanted = bounds(self.table, rows);
        let files: Vec<Arc<FileEntry>> = self.base.files.iter().filter(|file| file.overlaps(&wanted)).cloned().collect();
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let keys = key_rows(key_columns(self.table), rows).map_err(self.arrow())?;
        let keys: HashSet<&[u8]> = keys.iter().map(|row| row.data()).collect();
        let mut held = Vec::new();
        for batch in collect(&self.reader, self.base.only(files), &[], &self.near(&wanted, rows)).await.map_err(self.failed())? {
            let found = key_rows(key_columns(self.table), &batch).map_err(self.arrow())?;
            let same: BooleanArray = found.iter().map(|row| Some(keys.contains(row.data()))).collect();
            if same.true_count() > 0 {
                held.push(filter_record_batch(&batch, &same).map_err(self.arrow())?);
            }
        }
        Ok(held)
    }

    /// Filters that let pass at least the keys of these rows.
    fn near(&self, bounds: &FileEntry, rows: &RecordBatch) -> Vec<Expr> {
        let time = |micros| lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())));
        let mut filters: Vec<Expr> =
            bounds.clock.iter().map(|&(low, high)| ident(clock(self.table)).between(time(low), time(high))).collect();
        let ids: BTreeSet<&str> = rows[ASSET_ID].as_string::<i32>().iter().flatten().collect();
        if bounds.assets.is_some() && ids.len() <= FEW_ASSETS {
            filters.push(ident(ASSET_ID).in_list(ids.into_iter().map(lit).collect(), false));
        }
        filters
    }

    /// The newest Delta version.
    pub(super) const fn base(&self) -> &View {
        &self.base
    }

    /// The newest Delta version without the rows that layers replace, but with their columns.
    pub(super) fn below(&self) -> View {
        let mut schema = Arc::clone(&self.base.schema);
        let mut shadows = self.active.shadows().clone();
        if let Some(frozen) = &self.frozen {
            schema = frozen.layer.schema(Some(&schema));
            shadows.join(frozen.layer.shadows());
        }
        schema = self.active.schema(Some(&schema));
        View { schema, shadows: Some(shadows), ..self.base.clone() }
    }

    /// Rows of one asset in memory; only for telemetry.
    pub(super) fn rows_of(&self, asset: &str, range: Option<TimeRange>) -> Result<Vec<RecordBatch>, StoreError> {
        let Some(number) = self.names.find(asset) else { return Ok(Vec::new()) };
        let mut parts = Vec::new();
        if let Some(frozen) = &self.frozen {
            let mut rows = frozen.layer.rows_of(number, range);
            rows.retain(|row| !self.replaced.contains(row));
            parts.push(frozen.layer.gather(&rows, &frozen.layer.schema(None)).map_err(self.arrow())?);
        }
        let rows = self.active.rows_of(number, range);
        parts.push(self.active.gather(&rows, &self.active.schema(None)).map_err(self.arrow())?);
        parts.retain(|rows| rows.num_rows() > 0);
        Ok(parts)
    }

    /// Time of the newest row of one asset in memory; only for telemetry.
    pub(super) fn newest_of(&self, asset: &str) -> Option<Timestamp> {
        let number = self.names.find(asset)?;
        let layers = self.frozen.iter().map(|frozen| &frozen.layer).chain([&self.active]);
        layers.filter_map(|layer| layer.newest_of(number)).max().map(from_micros)
    }

    /// The newest rows in memory, up to one by asset and layer; only for telemetry.
    pub(super) fn latest(&self) -> Result<Vec<RecordBatch>, StoreError> {
        let layers = self.frozen.iter().map(|frozen| &frozen.layer).chain([&self.active]);
        let newest = layers.filter(|layer| layer.len() > 0).map(|layer| layer.gather(&layer.newest(), &layer.schema(None)));
        newest.collect::<Result<_, _>>().map_err(self.arrow())
    }

    fn arrow(&self) -> impl Fn(ArrowError) -> StoreError + 'static {
        arrow_error(self.table)
    }

    fn failed(&self) -> impl Fn(DataFusionError) -> StoreError + 'static {
        read_error(self.table)
    }
}
