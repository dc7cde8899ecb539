//! Rows from a source into the store: declares what is new, counts what became of every row.
//!
//! In: pages of any [`crate::source::Source`]. Out: a [`Tally`]. Bulk doors use [`Store::import`]; live doors use
//! [`Store::append`] themselves, because they must acknowledge each request.

use crate::domain::AssetId;
use crate::domain::Quantities;
use crate::domain::Readings;
use crate::domain::TimeRange;
use crate::domain::from_micros;
use crate::source::Reject;
use crate::source::Rows;
use crate::store::Store;
use crate::store::StoreError;
use arrow::compute::concat_batches;
use std::collections::BTreeMap;

/// Rows of one table are gathered up to this many before they are committed, so that files are large.
const CHUNK_ROWS: usize = 1_000_000;

/// What became of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Rows read and accepted.
    pub rows: u64,
    /// Keys that were new.
    pub inserted: u64,
    /// Keys that got a new value.
    pub changed: u64,
    /// Rows that changed nothing.
    pub unchanged: u64,
    /// Accepted rows by table.
    pub by_table: BTreeMap<&'static str, u64>,
    /// Refused rows by reason.
    pub by_reason: BTreeMap<&'static str, u64>,
    /// When the accepted readings of each asset were taken.
    pub touched: Touched,
}

impl Tally {
    /// Rows refused, for any reason.
    pub fn rejected(&self) -> u64 {
        self.by_reason.values().sum()
    }
}

/// First and last time of the readings of each asset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched(BTreeMap<String, (i64, i64)>);

impl Touched {
    /// The stretch of time over which each asset got readings.
    pub fn stretches(&self) -> BTreeMap<AssetId, TimeRange> {
        let stretch = |(id, (first, last)): (&String, &(i64, i64))| {
            let range = TimeRange::new(from_micros(*first), from_micros(last.saturating_add(1))).ok()?;
            Some((AssetId::parse(id).ok()?, range))
        };
        self.0.iter().filter_map(stretch).collect()
    }

    /// Takes in the rows of a batch; rows of one asset that stand together are looked up once.
    pub fn see(&mut self, readings: &Readings) {
        let (times, ids) = (readings.times(), readings.asset_ids());
        let mut row = 0;
        while row < readings.len() {
            let id = ids.value(row);
            let mut seen = (i64::MAX, i64::MIN);
            while row < readings.len() && ids.value(row) == id {
                seen = (seen.0.min(times.value(row)), seen.1.max(times.value(row)));
                row += 1;
            }
            self.join(id, seen);
        }
    }

    /// Takes in what another has seen.
    pub fn extend(&mut self, other: &Self) {
        for (id, seen) in &other.0 {
            self.join(id, *seen);
        }
    }

    fn join(&mut self, id: &str, seen: (i64, i64)) {
        match self.0.get_mut(id) {
            Some(held) => *held = (held.0.min(seen.0), held.1.max(seen.1)),
            None => drop(self.0.insert(id.to_owned(), seen)),
        }
    }
}

/// One import under way.
#[derive(Debug)]
pub struct Ingest {
    store: Option<Store>,
    pending: BTreeMap<&'static str, Vec<Readings>>,
    tally: Tally,
}

impl Ingest {
    /// Declares the quantities the store does not know yet.
    ///
    /// # Errors
    /// [`StoreError::Domain`] when a quantity is known in another dimension.
    pub async fn start(store: &Store, quantities: &Quantities) -> Result<Self, StoreError> {
        let known = store.quantities();
        for (quantity, info) in quantities.iter().filter(|(quantity, _)| known.get(quantity.name()).is_err()) {
            store.declare(quantity.name(), info.unit).await?;
        }
        Ok(Self { store: Some(store.clone()), pending: BTreeMap::new(), tally: Tally::default() })
    }

    /// Reads and counts, stores nothing.
    pub fn dry() -> Self {
        Self { store: None, pending: BTreeMap::new(), tally: Tally::default() }
    }

    /// What became of the rows so far.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Counts refused rows.
    pub fn count(&mut self, rejects: &[Reject]) {
        for reject in rejects {
            *self.tally.by_reason.entry(reject.reason).or_default() += 1;
        }
    }

    /// Takes the rows of a page; telemetry may wait in memory (bounded) until [`Ingest::finish`].
    ///
    /// # Errors
    /// [`StoreError`]; what was committed before stays, and importing again from the start changes nothing of it.
    pub async fn store(&mut self, rows: Vec<Rows>) -> Result<(), StoreError> {
        for rows in rows {
            match rows {
                Rows::Readings(readings) => {
                    let table = readings.kind().name();
                    self.accept(table, readings.len());
                    self.tally.touched.see(&readings);
                    let held = self.pending.entry(table).or_default();
                    held.push(readings);
                    if held.iter().map(Readings::len).sum::<usize>() >= CHUNK_ROWS {
                        self.commit(table).await?;
                    }
                }
                Rows::Other(table, batch) => {
                    self.accept(table.name(), batch.num_rows());
                    if let Some(store) = &self.store {
                        let receipt = store.import_table(table, batch).await?;
                        self.add(receipt);
                    }
                }
                Rows::Assets(assets) => {
                    if let Some(store) = &self.store {
                        store.upsert_assets(assets).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Commits what is still in memory.
    ///
    /// # Errors
    /// As [`Ingest::store`].
    pub async fn finish(mut self) -> Result<Tally, StoreError> {
        let tables: Vec<&'static str> = self.pending.keys().copied().collect();
        for table in tables {
            self.commit(table).await?;
        }
        Ok(self.tally)
    }

    async fn commit(&mut self, table: &'static str) -> Result<(), StoreError> {
        let Some(held) = self.pending.remove(table) else { return Ok(()) };
        let Some(store) = self.store.clone() else { return Ok(()) };
        for readings in joined(held) {
            let receipt = store.import(readings).await?;
            self.add(receipt);
        }
        Ok(())
    }

    fn accept(&mut self, table: &'static str, rows: usize) {
        self.tally.rows += rows as u64;
        *self.tally.by_table.entry(table).or_default() += rows as u64;
    }

    fn add(&mut self, receipt: crate::store::Receipt) {
        self.tally.inserted += receipt.inserted as u64;
        self.tally.changed += receipt.changed as u64;
        self.tally.unchanged += receipt.unchanged as u64;
    }
}

/// Joins neighbours with the same columns into one batch; order is kept, because later rows override.
fn joined(held: Vec<Readings>) -> Vec<Readings> {
    let mut groups: Vec<Vec<Readings>> = Vec::new();
    for readings in held {
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|last| last.batch().schema() == readings.batch().schema()) => {
                group.push(readings)
            }
            _ => groups.push(vec![readings]),
        }
    }
    groups.into_iter().flat_map(join).collect()
}

fn join(group: Vec<Readings>) -> Vec<Readings> {
    let Some(first) = group.first() else { return Vec::new() };
    let batches = group.iter().map(Readings::batch);
    match concat_batches(&first.batch().schema(), batches).map(|batch| Readings::new(first.kind(), batch)) {
        Ok(Ok(joined)) => vec![joined],
        _ => group,
    }
}
