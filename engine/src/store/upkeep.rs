//! Moving rows to Delta and joining its files, while appends and queries go on. One keeper per table; nobody else commits to it.
//!
//! In: a frozen layer, rows of a file to import, or the wish for fewer files. Out: one Delta commit, and the new state of its files.

use super::Receipt;
use super::StoreError;
use super::delta::Change;
use super::delta::DeltaFiles;
use super::delta::blocking;
use super::error::arrow_error;
use super::error::read_error;
use super::files::FileEntry;
use super::keys::clock;
use super::keys::key_columns;
use super::merge::key_rows;
use super::merge::merge;
use super::read::collect;
use super::retention;
use super::retention::Retained;
use super::shadow::Shadows;
use super::shadow::bounds;
use super::table::Frozen;
use super::view::View;
use crate::domain::Table;
use arrow::array::RecordBatch;
use arrow::compute::filter_record_batch;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ident;
use datafusion::logical_expr::lit;
use datafusion::scalar::ScalarValue;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Bytes of files that are joined at once: rows of text are large.
const JOINED_BYTES: u64 = 64 << 20;

/// The keeper of one table's files.
pub(super) struct Upkeep {
    table: Table,
    delta: DeltaFiles,
    file_rows: usize,
    reader: SessionContext,
}

impl fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upkeep").field("delta", &self.delta).finish_non_exhaustive()
    }
}

impl Upkeep {
    pub(super) const fn new(table: Table, delta: DeltaFiles, file_rows: usize, reader: SessionContext) -> Self {
        Self { table, delta, file_rows, reader }
    }

    /// The files as they are now, without rows in memory.
    pub(super) fn base(&self) -> View {
        self.delta.view(clock(self.table))
    }

    /// How far of the log is in the files.
    pub(super) const fn applied(&self) -> u64 {
        self.delta.applied()
    }

    /// After a failure that left open what the table holds: reads it again.
    pub(super) async fn catch_up(&mut self) -> Result<(), StoreError> {
        self.delta.catch_up().await
    }

    /// Rows of the files that are not among these.
    pub(super) async fn strangers(&self, known: &[Arc<FileEntry>]) -> Result<Vec<RecordBatch>, StoreError> {
        let known: HashSet<&str> = known.iter().map(|file| file.path.as_str()).collect();
        let strange: Vec<_> = self.delta.files().iter().filter(|file| !known.contains(file.path.as_str())).cloned().collect();
        self.read(&strange, &[], &[]).await
    }

    /// Moves a layer to Delta in one commit: new files for its rows, and files rewritten where it replaces rows in them.
    pub(super) async fn flush(&mut self, frozen: &Arc<Frozen>) -> Result<(), StoreError> {
        let (table, layer, file_rows) = (self.table, Arc::clone(frozen), self.file_rows);
        let add = blocking("sorting rows for a file", move || {
            let schema = layer.layer.schema(None);
            let files = layer.order.chunks(file_rows).map(|rows| layer.layer.gather(rows, &schema));
            files.collect::<Result<Vec<_>, _>>().map_err(arrow_error(table))
        });
        let mut change = Change { add: add.await?, sequence: Some(frozen.layer.last()), ..Change::default() };
        self.remove_hidden(frozen.layer.shadows(), &mut change).await?;
        self.delta.commit(change).await
    }

    async fn remove_hidden(&self, shadows: &Shadows, change: &mut Change) -> Result<(), StoreError> {
        let touched: Vec<_> = self.delta.files().iter().filter(|file| shadows.touches(file)).cloned().collect();
        for file in touched {
            let mut kept = Vec::new();
            let mut hidden = false;
            for batch in self.read(std::slice::from_ref(&file), &[], &[]).await? {
                let visible = shadows.visible(&batch).map_err(arrow_error(self.table))?;
                hidden |= visible.true_count() < batch.num_rows();
                kept.push(filter_record_batch(&batch, &visible).map_err(arrow_error(self.table))?);
            }
            if hidden {
                change.remove.push(file);
                // At once, so that memory holds one file and not all that are touched.
                for rows in self.sorted(&kept)? {
                    change.written.push(self.delta.put(rows).await?);
                }
            }
        }
        Ok(())
    }

    /// Joins files below a quarter of the full size into full ones. Returns how many files went away.
    pub(super) async fn compact(&mut self, least: usize) -> Result<usize, StoreError> {
        let small: Vec<Arc<FileEntry>> =
            self.delta.files().iter().filter(|file| (file.rows as usize) < self.file_rows.div_ceil(4)).cloned().collect();
        if small.len() < least.max(2) {
            return Ok(0);
        }
        let (mut gone, mut start) = (0, 0);
        while start < small.len() {
            let (mut end, mut rows, mut bytes) = (start, 0, 0);
            let fits = |rows: usize, bytes: u64| rows <= self.file_rows && bytes <= JOINED_BYTES;
            while end < small.len() && (end == start || fits(rows + small[end].rows as usize, bytes + small[end].size)) {
                rows += small[end].rows as usize;
                bytes += small[end].size;
                end += 1;
            }
            if end - start > 1 {
                let add = self.sorted(&self.read(&small[start..end], &[], &[]).await?)?;
                gone += (end - start) - add.len();
                self.delta
                    .commit(Change { add, remove: small[start..end].to_vec(), rearranges: true, ..Change::default() })
                    .await?;
            }
            start = end;
        }
        Ok(gone)
    }

    /// Takes away the rows older than `before`, microseconds; see [`retention::retain`].
    pub(super) async fn retain(&mut self, before: i64) -> Result<Retained, StoreError> {
        retention::retain(&mut self.delta, &self.reader, self.table, before).await
    }

    /// The files.
    pub(super) const fn delta(&self) -> &DeltaFiles {
        &self.delta
    }

    /// Merges rows with what Delta holds: nothing to write, a new file, or the touched files rewritten, in one commit. Everything the log
    /// holds up to `reached` came before; the commit says so, lest a file of the log whose removal a power cut undid be applied on top.
    pub(super) async fn import(&mut self, rows: &RecordBatch, reached: u64) -> Result<Receipt, StoreError> {
        let key = key_columns(self.table);
        let arriving = merge(key, &[], rows).map_err(arrow_error(self.table))?;
        let touched = self.touched(&arriving.rows).await?;
        let held = if touched.is_empty() { Vec::new() } else { self.read(&touched, &[], &[]).await? };
        let merged = if held.is_empty() { arriving } else { merge(key, &held, rows).map_err(arrow_error(self.table))? };
        let mut change = Change { sequence: (reached > self.applied()).then_some(reached), ..Change::default() };
        if merged.receipt.changed > 0 {
            change.add = self.split(&merged.rows);
            change.remove = touched;
        } else if merged.receipt.inserted > 0 {
            change.add = self.split(&merged.inserted);
        } else {
            return Ok(merged.receipt);
        }
        self.delta.commit(change).await?;
        Ok(merged.receipt)
    }

    /// Files that hold a key of these rows.
    async fn touched(&self, rows: &RecordBatch) -> Result<Vec<Arc<FileEntry>>, StoreError> {
        let bounds = bounds(self.table, rows);
        let candidates: Vec<_> = self.delta.files().iter().filter(|file| file.overlaps(&bounds)).cloned().collect();
        if candidates.is_empty() {
            return Ok(candidates);
        }
        let key = key_columns(self.table);
        let arriving = key_rows(key, rows).map_err(arrow_error(self.table))?;
        let keys: HashSet<&[u8]> = arriving.iter().map(|row| row.data()).collect();
        let time = |micros| lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())));
        let near: Vec<Expr> =
            bounds.clock.iter().map(|&(low, high)| ident(clock(self.table)).between(time(low), time(high))).collect();
        let mut touched = Vec::new();
        for file in candidates {
            let mut hit = false;
            for batch in self.read(std::slice::from_ref(&file), key, &near).await? {
                let held = key_rows(key, &batch).map_err(arrow_error(self.table))?;
                hit |= held.iter().any(|row| keys.contains(row.data()));
            }
            if hit {
                touched.push(file);
            }
        }
        Ok(touched)
    }

    async fn read(&self, files: &[Arc<FileEntry>], columns: &[&str], filters: &[Expr]) -> Result<Vec<RecordBatch>, StoreError> {
        collect(&self.reader, self.base().only(files.to_vec()), columns, filters).await.map_err(read_error(self.table))
    }

    /// Rows with each key once, sorted, in batches of one file each.
    fn sorted(&self, rows: &[RecordBatch]) -> Result<Vec<RecordBatch>, StoreError> {
        let [first, rest @ ..] = rows else { return Ok(Vec::new()) };
        let merged = merge(key_columns(self.table), rest, first).map_err(arrow_error(self.table))?;
        Ok(self.split(&merged.rows))
    }

    fn split(&self, rows: &RecordBatch) -> Vec<RecordBatch> {
        (0..rows.num_rows())
            .step_by(self.file_rows)
            .map(|start| rows.slice(start, self.file_rows.min(rows.num_rows() - start)))
            .collect()
    }
}
