//! What was written to a store and must be read back: a model of the promise, small enough to be right by eye.
//!
//! In: writes, in the order they were sent, and which of them were acknowledged. Out: the rows a reader must see; where writes were
//! sent but not acknowledged, each of them is there whole or not at all.

use super::super::Store;
use super::super::read::collect;
use super::super::simulated::Chance;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Quantity;
use crate::domain::Readings;
use crate::domain::Table;
use arrow::array::Array;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::Float64Type;
use arrow::datatypes::TimestampMicrosecondType;
use std::collections::BTreeMap;

/// The tables that are written.
pub(super) const KINDS: [AssetKind; 2] = [AssetKind::WindTurbine, AssetKind::Meter];
const SECOND: i64 = 1_000_000;

/// One row of a write; `None` where a column is null, absent columns are not named.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) asset: String,
    pub(super) time: i64,
    pub(super) known: i64,
    pub(super) values: BTreeMap<&'static str, Option<f64>>,
}

/// Rows sent in one call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Write {
    pub(super) kind: AssetKind,
    pub(super) rows: Vec<Row>,
}

/// What a reader sees of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    known: i64,
    values: BTreeMap<String, f64>,
}

/// All rows a reader sees.
pub(super) type Rows = BTreeMap<(&'static str, String, i64), Held>;

impl Write {
    /// The batch; every row has all columns any row names.
    pub(super) fn readings(&self) -> Readings {
        let mut columns: BTreeMap<&str, Vec<Option<f64>>> = BTreeMap::new();
        for name in self.rows.iter().flat_map(|row| row.values.keys()) {
            columns.entry(name).or_default();
        }
        for (name, column) in &mut columns {
            column.extend(self.rows.iter().map(|row| row.values.get(name).copied().flatten()));
        }
        let columns = columns.into_iter().map(|(name, values)| (Quantity::parse(name).unwrap(), values)).collect();
        let times = self.rows.iter().map(|row| row.time).collect();
        let known = self.rows.iter().map(|row| row.known).collect();
        Readings::from_columns(self.kind, times, self.rows.iter().map(|row| row.asset.clone()).collect(), known, columns).unwrap()
    }

    /// Later rows fill and override column by column, nulls never erase; `available_at` moves only with a change.
    pub(super) fn apply(&self, rows: &mut Rows) {
        for row in &self.rows {
            let sent = row.values.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?)));
            let sent: BTreeMap<String, f64> = sent.collect();
            let key = (self.kind.name(), row.asset.clone(), row.time);
            let Some(held) = rows.get_mut(&key) else {
                rows.insert(key, Held { known: row.known, values: sent });
                continue;
            };
            if sent.iter().any(|(name, value)| held.values.get(name) != Some(value)) {
                held.values.extend(sent);
                held.known = held.known.max(row.known);
            }
        }
    }
}

/// What was sent: rows that are known to be there, and what came after that, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    known: Rows,
    /// Writes since, and whether they were acknowledged.
    since: Vec<(Write, bool)>,
    pub(super) writes: u64,
}

impl History {
    /// A write nobody sent before: new, late, unordered or changing old rows, with or without new columns.
    pub(super) fn draw(&mut self, chance: &mut Chance, writer: u64) -> Write {
        self.writes += 1;
        let kind = KINDS[chance.below(2) as usize];
        let asset = |chance: &mut Chance| format!("{}{writer}.{}", kind.name().chars().next().unwrap(), chance.below(2));
        let columns = ["active_power", "voltage", "temp_air", "wind_speed", "frequency"];
        // New columns appear as a run goes on.
        let known = (2 + self.writes as usize / 6).min(columns.len());
        let (from, span) = match chance.below(4) {
            0 => (0, 20),
            1 => (chance.below(self.writes * 5), 10),
            2 => (0, self.writes * 5),
            _ => (self.writes * 5, 5),
        };
        let rows = (0..1 + chance.below(12)).map(|row| {
            let mut values = BTreeMap::new();
            for name in &columns[..known] {
                if chance.one_in(2) {
                    let value = self.writes as f64 + row as f64 / 64.0;
                    values.insert(*name, (!chance.one_in(5)).then_some(value));
                }
            }
            values.entry("active_power").or_insert(Some(self.writes as f64));
            let time = i64::try_from(from + chance.below(span)).unwrap() * SECOND;
            Row { asset: asset(chance), time, known: i64::try_from(self.writes).unwrap() * SECOND, values }
        });
        Write { kind, rows: rows.collect() }
    }

    /// Notes what became of a write.
    pub(super) fn note(&mut self, write: Write, acknowledged: bool) {
        self.since.push((write, acknowledged));
    }

    /// The rows when of the writes nobody heard of again those in `chosen` (bit by bit) happened, each in its place.
    fn rows(&self, chosen: u32) -> Rows {
        let (mut rows, mut unheard) = (self.known.clone(), 0);
        for (write, acknowledged) in &self.since {
            if *acknowledged || chosen & (1 << unheard) != 0 {
                write.apply(&mut rows);
            }
            unheard += u32::from(!acknowledged);
        }
        rows
    }

    /// The keys of rows that must be there.
    pub(super) fn acknowledged(&self) -> Rows {
        self.rows(0)
    }

    /// Compares with what a reader saw. After a start, what was seen of the unheard writes is a fact from there on; before, a write that
    /// failed may still be in the log.
    pub(super) fn settle(&mut self, seen: &Rows, started: bool) {
        let unheard = self.since.iter().filter(|(_, acknowledged)| !acknowledged).count();
        assert!(unheard <= 12, "{unheard} writes failed since the last check; check more often");
        if let Some(rows) = (0..1 << unheard).map(|chosen| self.rows(chosen)).find(|rows| rows == seen) {
            if started {
                (self.known, self.since) = (rows, Vec::new());
            }
            return;
        }
        let expected = self.acknowledged();
        let lost = expected.iter().filter(|(key, held)| seen.get(key) != Some(held));
        let lost: Vec<_> =
            lost.map(|(key, held)| format!("{key:?}: {held:?} was acknowledged, {:?} is there", seen.get(key))).collect();
        let strange: Vec<_> = seen.keys().filter(|key| !expected.contains_key(key)).collect();
        panic!("{} rows differ: {lost:#?}\nnot acknowledged: {strange:?}\n{unheard} writes were not heard of", lost.len());
    }
}

/// All rows of all tables as one scan gives them.
pub(super) async fn scan(store: &Store) -> Rows {
    let mut rows = Rows::new();
    for kind in KINDS {
        let reader = store.reader(Table::Telemetry(kind));
        for batch in collect(reader.context, reader.view.clone(), &[], &[]).await.unwrap() {
            gather(kind, &batch, &mut rows);
        }
    }
    rows
}

/// The same asset by asset, through the path that serves people.
pub(super) async fn ask(store: &Store, seen: &Rows) -> Rows {
    let mut rows = Rows::new();
    for kind in KINDS {
        let ids: std::collections::BTreeSet<&String> = seen.keys().filter(|key| key.0 == kind.name()).map(|key| &key.1).collect();
        for id in ids {
            let asset = crate::domain::Asset::new(AssetId::parse(id).unwrap(), kind);
            let batch = store.readings(&asset, None, None, None).await.unwrap();
            let times = batch["time"].as_primitive::<TimestampMicrosecondType>().values().clone();
            assert!(times.is_sorted(), "{id}: {times:?}");
            let ends = store.extent(&asset).await.unwrap().map(|(first, last)| (first.as_microsecond(), last.as_microsecond()));
            assert_eq!(ends, times.first().copied().zip(times.last().copied()), "{id}");
            gather(kind, &batch, &mut rows);
        }
    }
    rows
}

/// Adds rows of a batch; none may be there before.
fn gather(kind: AssetKind, batch: &RecordBatch, rows: &mut Rows) {
    if let Some(key) = gather_once(kind, batch, rows) {
        panic!("{key:?} is there twice");
    }
}

/// Adds rows of a batch; the first key that was there before.
pub(super) fn gather_once(kind: AssetKind, batch: &RecordBatch, rows: &mut Rows) -> Option<(&'static str, String, i64)> {
    let (ids, times) = (batch["asset_id"].as_string::<i32>(), batch["time"].as_primitive::<TimestampMicrosecondType>());
    let known = batch["available_at"].as_primitive::<TimestampMicrosecondType>();
    let schema = batch.schema();
    let columns: Vec<_> = schema.fields().iter().zip(batch.columns()).skip(3).collect();
    let mut twice = None;
    for row in 0..batch.num_rows() {
        let values = columns.iter().filter(|(_, column)| column.is_valid(row));
        let values = values.map(|(field, column)| (field.name().clone(), column.as_primitive::<Float64Type>().value(row)));
        let key = (kind.name(), ids.value(row).to_owned(), times.value(row));
        let held = Held { known: known.value(row), values: values.collect() };
        if rows.insert(key.clone(), held).is_some() {
            twice.get_or_insert(key);
        }
    }
    twice
}
