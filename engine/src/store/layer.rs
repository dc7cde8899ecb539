//! Rows that are in the log but not yet in Delta: one layer takes appends, another may be on its way to Delta.
//!
//! In: rows whose place is decided (`table`). Out: batches and masks for queries, and all living rows in key order for the flush. A row
//! that gets a new value is written anew at the end and dies at its old place.

use super::index::BatchKeys;
use super::index::Index;
use super::index::Names;
use super::keys::union;
use super::keys::widen;
use super::shadow::Shadows;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::micros;
use arrow::array::BooleanArray;
use arrow::array::BooleanBufferBuilder;
use arrow::array::RecordBatch;
use arrow::buffer::BooleanBuffer;
use arrow::compute::concat_batches;
use arrow::compute::filter_record_batch;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Runs of one size class that are joined into one of the next.
const FAN_IN: usize = 8;
/// Bytes of a row's entry in the index, about.
const INDEX_BYTES: usize = 16;
/// Runs of this many rows are left as they are.
const LARGE_RUN: usize = 1 << 15;

/// Rows of a layer, some of which may be dead. What a view holds of it.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) rows: RecordBatch,
    alive: Option<BooleanBuffer>,
}

impl Run {
    /// The living rows.
    pub(super) fn living(&self) -> Result<RecordBatch, ArrowError> {
        match &self.alive {
            Some(alive) => filter_record_batch(&self.rows, &BooleanArray::new(alive.clone(), None)),
            None => Ok(self.rows.clone()),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.alive.as_ref().map_or(self.rows.num_rows(), BooleanBuffer::count_set_bits)
    }

    /// The same run without some rows, by their places in it.
    fn without(&self, dead: impl Iterator<Item = usize>) -> Self {
        let mut alive = BooleanBufferBuilder::new(self.rows.num_rows());
        match &self.alive {
            Some(before) => alive.append_buffer(before),
            None => alive.append_n(self.rows.num_rows(), true),
        }
        dead.for_each(|at| alive.set_bit(at, false));
        Self { rows: self.rows.clone(), alive: Some(alive.finish()) }
    }
}

/// One layer of one table.
#[derive(Debug)]
pub(super) struct Layer {
    /// Runs and the number of their first row, rising and without gaps.
    runs: Vec<(u32, Run)>,
    index: Index,
    next: u32,
    dead: usize,
    bytes: usize,
    last: u64,
    /// Keys of Delta, or of the layer below, whose rows here count instead.
    shadows: Shadows,
}

impl Layer {
    /// An empty layer.
    pub(super) fn new(table: Table) -> Self {
        let (index, shadows) = (Index::new(table), Shadows::new(table));
        Self { runs: Vec::new(), index, next: 0, dead: 0, bytes: 0, last: 0, shadows }
    }

    /// Puts rows on top; a key that is here already gets the new row.
    pub(super) fn push(&mut self, rows: RecordBatch, keys: &BatchKeys) -> Result<(), ArrowError> {
        let count = rows.num_rows();
        if count == 0 {
            return Ok(());
        }
        let start = self.next;
        self.next += u32::try_from(count).unwrap_or(u32::MAX);
        self.bytes += bytes_of(&rows);
        self.runs.push((start, Run { rows, alive: None }));
        let mut died = Vec::new();
        for at in 0..count {
            died.extend(self.index.insert(keys, at, start + at as u32));
        }
        self.dead += died.len();
        kill(&mut self.runs, died);
        self.join_small()
    }

    /// Hides the keys of these rows in what lies below.
    pub(super) fn hide(&mut self, rows: &RecordBatch) -> Result<(), ArrowError> {
        self.shadows.hide(rows)
    }

    /// Takes over what another layer hides and how far of the log it has; its rows are here already.
    pub(super) fn inherit(&mut self, other: &Self) {
        self.shadows.join(&other.shadows);
        self.reached(other.last);
    }

    /// Remembers how far of the log is in here.
    pub(super) fn reached(&mut self, sequence: u64) {
        self.last = self.last.max(sequence);
    }

    /// The row with the key of row `at` of a batch.
    pub(super) fn find(&self, keys: &BatchKeys, at: usize) -> Option<u32> {
        self.index.find(keys, at)
    }

    /// These rows in one batch with the columns of `schema`.
    pub(super) fn gather(&self, rows: &[u32], schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        if rows.is_empty() {
            return Ok(RecordBatch::new_empty(Arc::clone(schema)));
        }
        let places: Vec<(usize, usize)> = rows.iter().map(|&row| place(&self.runs, row)).collect();
        let runs = self.runs.iter().map(|(_, run)| widen(&run.rows, schema)).collect::<Result<Vec<_>, _>>()?;
        interleave_record_batch(&runs.iter().collect::<Vec<_>>(), &places)
    }

    /// The newest row of each asset; only for telemetry.
    pub(super) fn newest(&self) -> Vec<u32> {
        match &self.index {
            Index::Series(series) => series.iter().filter_map(|series| series.rows.last().copied()).collect(),
            Index::Bytes(_) => Vec::new(),
        }
    }

    /// Rows of one asset, by its number, in order of time; only for telemetry.
    pub(super) fn rows_of(&self, number: u32, range: Option<TimeRange>) -> Vec<u32> {
        let Index::Series(series) = &self.index else { return Vec::new() };
        let Some(series) = series.get(number as usize) else { return Vec::new() };
        let place = |time| series.times.partition_point(|&held| held < time);
        let (from, to) = range.map_or((0, series.times.len()), |range| (place(micros(range.start())), place(micros(range.end()))));
        series.rows[from..to.max(from)].to_vec()
    }

    /// Newest time of one asset, by its number; only for telemetry.
    pub(super) fn newest_of(&self, number: u32) -> Option<i64> {
        let Index::Series(series) = &self.index else { return None };
        series.get(number as usize)?.times.last().copied()
    }

    /// All living rows in key order.
    pub(super) fn in_order(&self, names: &Names) -> Vec<u32> {
        self.index.in_order(names)
    }

    /// Drops the dead when they are the majority.
    pub(super) fn bury(&mut self, table: Table, names: &mut Names) -> Result<(), ArrowError> {
        if self.dead <= self.index.len() || self.runs.is_empty() {
            return Ok(());
        }
        let rows = self.gather(&self.in_order(names), &self.schema(None))?;
        let keys = BatchKeys::new(table, names, &rows)?;
        let (last, shadows) = (self.last, self.shadows.clone());
        *self = Self { last, shadows, ..Self::new(table) };
        self.push(rows, &keys)
    }

    /// Columns of the rows here, after those of `below`.
    pub(super) fn schema(&self, below: Option<&SchemaRef>) -> SchemaRef {
        let mut schemas = self.runs.iter().map(|(_, run)| run.rows.schema());
        let first = below.cloned().or_else(|| schemas.next());
        let empty = || Arc::new(arrow::datatypes::Schema::empty());
        schemas.fold(first.unwrap_or_else(empty), |all, schema| union(&all, &schema))
    }

    /// The runs, for a view.
    pub(super) fn runs(&self) -> Vec<Run> {
        self.runs.iter().map(|(_, run)| run.clone()).collect()
    }

    /// The runs without these rows.
    pub(super) fn runs_without(&self, rows: &BTreeSet<u32>) -> Vec<Run> {
        let mut runs = self.runs.clone();
        kill(&mut runs, rows.iter().copied().collect());
        runs.into_iter().map(|(_, run)| run).collect()
    }

    /// Keys hidden below.
    pub(super) const fn shadows(&self) -> &Shadows {
        &self.shadows
    }

    /// Rows by key.
    pub(super) const fn index(&self) -> &Index {
        &self.index
    }

    /// Living rows.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Bytes of all rows, the dead ones too, and about those of the index.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.index.len() * INDEX_BYTES
    }

    /// How far of the log is in here.
    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    /// Joins the newest runs while there are many of one size class; each row is copied once per class.
    fn join_small(&mut self) -> Result<(), ArrowError> {
        loop {
            let class = |run: &(u32, Run)| run.1.rows.num_rows().max(1).ilog2() / FAN_IN.ilog2();
            let Some(newest) = self.runs.last() else { return Ok(()) };
            if newest.1.rows.num_rows() >= LARGE_RUN {
                return Ok(());
            }
            let level = class(newest);
            let alike = self.runs.iter().rev().take_while(|run| class(run) <= level).count();
            if alike < FAN_IN {
                return Ok(());
            }
            let from = self.runs.len() - alike;
            let schema =
                self.runs[from..].iter().fold(self.runs[from].1.rows.schema(), |all, (_, run)| union(&all, &run.rows.schema()));
            let parts = self.runs[from..].iter().map(|(_, run)| widen(&run.rows, &schema)).collect::<Result<Vec<_>, _>>()?;
            let rows = concat_batches(&schema, &parts)?;
            let before: usize = self.runs[from..].iter().map(|(_, run)| bytes_of(&run.rows)).sum();
            self.bytes = self.bytes.saturating_sub(before) + bytes_of(&rows);
            let mut alive = BooleanBufferBuilder::new(rows.num_rows());
            for (_, run) in &self.runs[from..] {
                match &run.alive {
                    Some(mask) => alive.append_buffer(mask),
                    None => alive.append_n(run.rows.num_rows(), true),
                }
            }
            let alive = alive.finish();
            let alive = (alive.count_set_bits() < rows.num_rows()).then_some(alive);
            let start = self.runs[from].0;
            self.runs.truncate(from);
            self.runs.push((start, Run { rows, alive }));
        }
    }
}

/// Which run holds a row, and where in it.
fn place(runs: &[(u32, Run)], row: u32) -> (usize, usize) {
    let run = runs.partition_point(|(start, _)| *start <= row).saturating_sub(1);
    (run, (row - runs[run].0) as usize)
}

fn kill(runs: &mut [(u32, Run)], mut dead: Vec<u32>) {
    dead.sort_unstable();
    let mut dead = dead.into_iter().peekable();
    while let Some(&first) = dead.peek() {
        let run = place(runs, first).0;
        let (start, end) = (runs[run].0, runs.get(run + 1).map_or(u32::MAX, |next| next.0));
        let here = std::iter::from_fn(|| dead.next_if(|&row| row < end)).map(|row| (row - start) as usize);
        runs[run].1 = runs[run].1.without(here);
    }
}

/// Bytes the rows take by themselves; buffers they share with others are not counted.
pub(super) fn bytes_of(rows: &RecordBatch) -> usize {
    let slice = |column: &arrow::array::ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
    rows.columns().iter().map(slice).sum()
}

#[cfg(test)]
mod tests {
    use super::BatchKeys;
    use super::Layer;
    use super::Names;
    use crate::domain::AssetKind;
    use crate::domain::Quantity;
    use crate::domain::Readings;
    use crate::domain::Table;
    use arrow::array::AsArray;
    use arrow::array::RecordBatch;
    use arrow::datatypes::Float64Type;
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;

    const KIND: AssetKind = AssetKind::Meter;

    fn batch(rows: &[(&str, i64, f64)]) -> RecordBatch {
        let times: Vec<i64> = rows.iter().map(|r| r.1).collect();
        let ids = rows.iter().map(|r| r.0.to_owned()).collect();
        let values = vec![(Quantity::LOAD, rows.iter().map(|r| Some(r.2)).collect())];
        Readings::from_columns(KIND, times.clone(), ids, times, values).unwrap().batch().clone()
    }

    fn loads(rows: &RecordBatch) -> Vec<f64> {
        rows["load"].as_primitive::<Float64Type>().values().to_vec()
    }

    #[test]
    fn many_small_pushes_become_few_runs_and_each_key_lives_once() {
        let (table, mut names) = (Table::Telemetry(KIND), Names::default());
        let mut layer = Layer::new(table);
        let mut expected = BTreeMap::new();
        for i in 0..3000_i64 {
            let (id, time, value) = (["B", "A", "C"][(i % 3) as usize], (i * 7919) % 1000, i as f64);
            let rows = batch(&[(id, time, value)]);
            let keys = BatchKeys::new(table, &mut names, &rows).unwrap();
            layer.push(rows, &keys).unwrap();
            layer.bury(table, &mut names).unwrap();
            expected.insert((id, time), value);
        }
        let sorted = layer.gather(&layer.in_order(&names), &layer.schema(None)).unwrap();
        assert_eq!(loads(&sorted), expected.values().copied().collect::<Vec<_>>());
        let shown: usize = layer.runs().iter().map(|run| run.living().unwrap().num_rows()).sum();
        assert_eq!((shown, layer.len()), (expected.len(), expected.len()));
        assert!(layer.runs().len() < 40, "{}", layer.runs().len());
        let gone = BTreeSet::from([layer.in_order(&names)[0]]);
        assert_eq!(layer.runs_without(&gone).iter().map(super::Run::count).sum::<usize>(), expected.len() - 1);
    }
}
