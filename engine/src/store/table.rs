//! One table being written: Delta files and buffer together, every key once. The rules of merging live here.
//!
//! In: conforming rows, through the log or straight. Out: a receipt and a new [`View`]. One writer at a time (the caller locks).

use super::Receipt;
use super::StoreError;
use super::buffer::Buffer;
use super::delta::Change;
use super::delta::DeltaFiles;
use super::files::FileEntry;
use super::keys::clock;
use super::keys::key_columns;
use super::keys::union;
use super::merge::key_rows;
use super::merge::merge;
use super::place::Place;
use super::view::View;
use crate::domain::Table;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ident;
use std::collections::HashMap;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// A table open for writing.
pub(super) struct TableState {
    table: Table,
    delta: DeltaFiles,
    buffer: Buffer,
    /// Newest clock in Delta by series (the text columns of the key); read when first needed.
    frontier: Option<HashMap<Box<[u8]>, i64>>,
    file_rows: usize,
    reader: SessionContext,
}

impl fmt::Debug for TableState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableState").field("delta", &self.delta).field("buffered", &self.buffer.rows()).finish_non_exhaustive()
    }
}

impl TableState {
    pub(super) async fn open(table: Table, place: &Place, file_rows: usize, reader: SessionContext) -> Result<Self, StoreError> {
        let delta = DeltaFiles::open(table.name(), place, table.base_schema(), key_columns(table), clock(table)).await?;
        Ok(Self { table, delta, buffer: Buffer::default(), frontier: None, file_rows: file_rows.max(1), reader })
    }

    /// How far of the log is in Delta.
    pub(super) const fn applied(&self) -> u64 {
        self.delta.applied()
    }

    /// Rows that are only in the log and here.
    pub(super) fn buffered(&self) -> usize {
        self.buffer.rows()
    }

    /// The table as queries shall see it now.
    pub(super) fn view(&self) -> View {
        let schema =
            self.buffer.batches().iter().fold(Arc::clone(self.delta.schema()), |schema, batch| union(&schema, &batch.schema()));
        View {
            schema,
            place: self.delta.place().clone(),
            clock: clock(self.table),
            version: self.delta.version(),
            files: Arc::clone(self.delta.files()),
            buffered: self.buffer.batches().to_vec(),
        }
    }

    /// Takes rows the log holds under `sequence`. Returns true beside the receipt when the table's part of the log up to
    /// `sequence` is now in Delta.
    pub(super) async fn apply(&mut self, rows: &RecordBatch, sequence: u64) -> Result<(Receipt, bool), StoreError> {
        if self.all_new(rows).await? {
            let receipt = self.buffer.apply(key_columns(self.table), rows, sequence).map_err(self.arrow())?;
            return Ok((receipt, false));
        }
        self.flush().await?;
        Ok((self.merge(rows, Some(sequence)).await?, true))
    }

    /// Takes rows straight to Delta.
    pub(super) async fn import(&mut self, rows: &RecordBatch) -> Result<Receipt, StoreError> {
        self.flush().await?;
        self.merge(rows, None).await
    }

    /// Moves the buffer to Delta. Returns how far of the log the table no longer needs.
    pub(super) async fn flush(&mut self) -> Result<Option<u64>, StoreError> {
        if self.buffer.rows() == 0 {
            return Ok(None);
        }
        let merged = match self.buffer.batches() {
            [first, rest @ ..] => merge(key_columns(self.table), rest, first).map_err(self.arrow())?,
            [] => return Ok(None),
        };
        let sequence = self.buffer.last();
        self.commit(Change { add: self.split(&merged.rows), sequence: Some(sequence), ..Change::default() }).await?;
        self.advance(&merged.rows)?;
        self.buffer.clear();
        Ok(Some(sequence))
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
            let (mut end, mut rows) = (start, 0);
            while end < small.len() && (end == start || rows + (small[end].rows as usize) <= self.file_rows) {
                rows += small[end].rows as usize;
                end += 1;
            }
            if end - start > 1 {
                let held = self.read(&small[start..end], &[], &[]).await?;
                if let [first, rest @ ..] = held.as_slice() {
                    let merged = merge(key_columns(self.table), rest, first).map_err(self.arrow())?;
                    let add = self.split(&merged.rows);
                    gone += (end - start) - add.len();
                    self.commit(Change { add, remove: small[start..end].to_vec(), sequence: None, rearranges: true }).await?;
                }
            }
            start = end;
        }
        Ok(gone)
    }

    /// Merges rows with what Delta holds: nothing to write, a new file, or the touched files rewritten, in one commit.
    async fn merge(&mut self, rows: &RecordBatch, sequence: Option<u64>) -> Result<Receipt, StoreError> {
        let key = key_columns(self.table);
        let arriving = merge(key, &[], rows).map_err(self.arrow())?;
        let touched = self.touched(&arriving.rows).await?;
        let held = if touched.is_empty() { Vec::new() } else { self.read(&touched, &[], &[]).await? };
        let merged = if held.is_empty() { arriving } else { merge(key, &held, rows).map_err(self.arrow())? };
        let mut change = Change { sequence, ..Change::default() };
        if merged.receipt.changed > 0 {
            change.add = self.split(&merged.rows);
            change.remove = touched;
        } else if merged.receipt.inserted > 0 {
            change.add = self.split(&merged.inserted);
        } else {
            return Ok(merged.receipt);
        }
        self.commit(change).await?;
        self.advance(&merged.inserted)?;
        Ok(merged.receipt)
    }

    async fn commit(&mut self, change: Change) -> Result<(), StoreError> {
        self.delta.commit(change).await
    }

    /// Files that hold a key of these rows.
    async fn touched(&self, rows: &RecordBatch) -> Result<Vec<Arc<FileEntry>>, StoreError> {
        let bounds = self.bounds(rows);
        let candidates: Vec<_> = self.delta.files().iter().filter(|file| file.overlaps(&bounds)).cloned().collect();
        if candidates.is_empty() {
            return Ok(candidates);
        }
        let key = key_columns(self.table);
        let arriving = key_rows(key, rows).map_err(self.arrow())?;
        let keys: HashSet<&[u8]> = arriving.iter().map(|row| row.data()).collect();
        let filter: Vec<Expr> = bounds.clock.map_or_else(Vec::new, |(low, high)| {
            let time = |micros| {
                datafusion::logical_expr::lit(datafusion::scalar::ScalarValue::TimestampMicrosecond(
                    Some(micros),
                    Some("UTC".into()),
                ))
            };
            vec![ident(clock(self.table)).between(time(low), time(high))]
        });
        let mut touched = Vec::new();
        for file in candidates {
            let mut hit = false;
            for batch in self.read(std::slice::from_ref(&file), key, &filter).await? {
                hit |= key_rows(key, &batch).map_err(self.arrow())?.iter().any(|row| keys.contains(row.data()));
            }
            if hit {
                touched.push(file);
            }
        }
        Ok(touched)
    }

    /// The stretch of assets and time these rows cover.
    fn bounds(&self, rows: &RecordBatch) -> FileEntry {
        use arrow::compute::kernels::aggregate;
        let times = rows[clock(self.table)].as_primitive::<TimestampMicrosecondType>();
        let ids = rows["asset_id"].as_string::<i32>();
        let text = |id: Option<&str>| id.map(str::to_owned);
        let all_named = arrow::array::Array::null_count(ids) == 0;
        FileEntry {
            path: String::new(),
            size: 0,
            rows: rows.num_rows() as u64,
            assets: text(aggregate::min_string(ids)).zip(text(aggregate::max_string(ids))).filter(|_| all_named),
            clock: aggregate::min(times).zip(aggregate::max(times)),
        }
    }

    /// True when none of the keys can be in Delta: each is newer than its series there, or already in the buffer.
    async fn all_new(&mut self, rows: &RecordBatch) -> Result<bool, StoreError> {
        let bounds = self.bounds(rows);
        let newest = self.delta.files().iter().map(|file| file.clock.map_or(i64::MAX, |(_, high)| high)).max();
        let Some(newest) = newest else { return Ok(true) };
        if bounds.clock.is_some_and(|(low, _)| low > newest) {
            return Ok(true);
        }
        if self.frontier.is_none() {
            self.frontier = Some(self.read_frontier().await?);
        }
        let Some(frontier) = &self.frontier else { return Ok(false) };
        let series = key_rows(&self.series(), rows).map_err(self.arrow())?;
        let keys = key_rows(key_columns(self.table), rows).map_err(self.arrow())?;
        let times = rows[clock(self.table)].as_primitive::<TimestampMicrosecondType>();
        Ok((0..rows.num_rows()).all(|row| {
            let behind = frontier.get(series.row(row).data()).is_some_and(|&last| times.value(row) <= last);
            !behind || self.buffer.holds(&keys, row)
        }))
    }

    async fn read_frontier(&self) -> Result<HashMap<Box<[u8]>, i64>, StoreError> {
        let series = self.series();
        let group: Vec<Expr> = series.iter().map(|name| ident(*name)).collect();
        let view = self.view().only(self.delta.files().to_vec());
        let read = async {
            let frame = self.reader.read_table(Arc::new(view))?;
            frame.aggregate(group, vec![max(ident(clock(self.table))).alias("newest")])?.collect().await
        };
        let mut frontier = HashMap::new();
        for batch in read.await.map_err(self.failed())? {
            self.note(&mut frontier, &batch, "newest")?;
        }
        Ok(frontier)
    }

    /// Remembers rows that went to Delta.
    fn advance(&mut self, rows: &RecordBatch) -> Result<(), StoreError> {
        let Some(mut frontier) = self.frontier.take() else { return Ok(()) };
        self.note(&mut frontier, rows, clock(self.table))?;
        self.frontier = Some(frontier);
        Ok(())
    }

    fn note(&self, frontier: &mut HashMap<Box<[u8]>, i64>, rows: &RecordBatch, clock: &str) -> Result<(), StoreError> {
        let series = key_rows(&self.series(), rows).map_err(self.arrow())?;
        let times = rows[clock].as_primitive::<TimestampMicrosecondType>();
        for row in 0..rows.num_rows() {
            let newest = frontier.entry(Box::from(series.row(row).data())).or_insert(i64::MIN);
            *newest = (*newest).max(times.value(row));
        }
        Ok(())
    }

    /// The text columns of the key.
    fn series(&self) -> Vec<&'static str> {
        let base = self.table.base_schema();
        let text = |name: &&str| base.field_with_name(name).is_ok_and(|field| field.data_type() == &DataType::Utf8);
        key_columns(self.table).iter().copied().filter(text).collect()
    }

    async fn read(&self, files: &[Arc<FileEntry>], columns: &[&str], filters: &[Expr]) -> Result<Vec<RecordBatch>, StoreError> {
        collect(&self.reader, self.view().only(files.to_vec()), columns, filters).await.map_err(self.failed())
    }

    fn split(&self, rows: &RecordBatch) -> Vec<RecordBatch> {
        (0..rows.num_rows())
            .step_by(self.file_rows)
            .map(|start| rows.slice(start, self.file_rows.min(rows.num_rows() - start)))
            .collect()
    }

    fn arrow(&self) -> impl Fn(ArrowError) -> StoreError + 'static {
        let table = self.table.name();
        move |cause| StoreError::Arrow { table: table.into(), cause }
    }

    fn failed(&self) -> impl Fn(DataFusionError) -> StoreError + 'static {
        let table = self.table.name();
        move |cause| StoreError::Read { table: table.into(), cause: Box::new(cause) }
    }
}

/// Rows of a view, all columns when `columns` is empty; filters are exact.
pub(super) async fn collect(
    reader: &SessionContext,
    view: View,
    columns: &[&str],
    filters: &[Expr],
) -> Result<Vec<RecordBatch>, DataFusionError> {
    if view.is_empty() {
        return Ok(Vec::new());
    }
    let mut frame = reader.read_table(Arc::new(view))?;
    for filter in filters {
        frame = frame.filter(filter.clone())?;
    }
    if !columns.is_empty() {
        frame = frame.select(columns.iter().map(|name| ident(*name)).collect::<Vec<_>>())?;
    }
    frame.collect().await
}
