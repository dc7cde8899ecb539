//! Where the rows of a layer are, by key, and in key order.
//!
//! In: keys of batches. Out: row numbers. Telemetry is indexed by asset and time without a copy of either per row, because millions of
//! rows a second pass here; other tables by the comparable bytes of their keys.

use super::keys::key_columns;
use super::merge::key_rows;
use crate::domain::ASSET_ID;
use crate::domain::TIME;
use crate::domain::Table;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use arrow::row::Rows;
use std::collections::BTreeMap;

/// Keys looked at to find the middle of many.
const SAMPLE: usize = 1 << 15;

/// Numbers for the assets of one table, given in the order of their first row.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: hashbrown::HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
}

impl Names {
    /// The number of an asset, given now if it had none.
    pub(super) fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.into(), number);
        self.names.push(name.into());
        number
    }

    /// The number of an asset that has one.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The name behind a number.
    pub(super) fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", |name| name)
    }

    /// Assets so far.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

/// The keys of the rows of one batch.
#[derive(Debug)]
pub(super) enum BatchKeys {
    /// Number of the asset, and time.
    Series(Vec<u32>, Vec<i64>),
    /// Comparable bytes.
    Bytes(Rows),
}

impl BatchKeys {
    /// Reads the keys of a batch of `table`.
    pub(super) fn new(table: Table, names: &mut Names, rows: &RecordBatch) -> Result<Self, ArrowError> {
        if !matches!(table, Table::Telemetry(_)) {
            return key_rows(key_columns(table), rows).map(Self::Bytes);
        }
        let ids = rows[ASSET_ID].as_string::<i32>();
        let mut numbers = Vec::with_capacity(rows.num_rows());
        let (mut last, mut number) = (None, 0);
        for row in 0..rows.num_rows() {
            let id = ids.value(row);
            if last != Some(id) {
                (last, number) = (Some(id), names.number(id));
            }
            numbers.push(number);
        }
        Ok(Self::Series(numbers, rows[TIME].as_primitive::<TimestampMicrosecondType>().values().to_vec()))
    }
}

/// Row numbers by key.
#[derive(Debug)]
pub(super) enum Index {
    /// By number of the asset: rising times and their rows.
    Series(Vec<Series>),
    /// By comparable bytes.
    Bytes(BTreeMap<Box<[u8]>, u32>),
}

/// The rows of one asset.
#[derive(Debug, Default)]
pub(super) struct Series {
    pub(super) times: Vec<i64>,
    pub(super) rows: Vec<u32>,
}

impl Index {
    /// An empty index.
    pub(super) const fn new(table: Table) -> Self {
        match table {
            Table::Telemetry(_) => Self::Series(Vec::new()),
            _ => Self::Bytes(BTreeMap::new()),
        }
    }

    /// The row that has the key of row `at` of a batch.
    pub(super) fn find(&self, keys: &BatchKeys, at: usize) -> Option<u32> {
        match (self, keys) {
            (Self::Series(series), BatchKeys::Series(numbers, times)) => {
                let series = series.get(numbers[at] as usize)?;
                series.times.binary_search(&times[at]).ok().map(|place| series.rows[place])
            }
            (Self::Bytes(rows), BatchKeys::Bytes(keys)) => rows.get(keys.row(at).data()).copied(),
            _ => None,
        }
    }

    /// Gives the key of row `at` of a batch to `row`; returns the row that had it.
    pub(super) fn insert(&mut self, keys: &BatchKeys, at: usize, row: u32) -> Option<u32> {
        match (self, keys) {
            (Self::Series(series), BatchKeys::Series(numbers, times)) => {
                let number = numbers[at] as usize;
                if series.len() <= number {
                    series.resize_with(number + 1, Series::default);
                }
                series[number].insert(times[at], row)
            }
            (Self::Bytes(rows), BatchKeys::Bytes(keys)) => rows.insert(Box::from(keys.row(at).data()), row),
            _ => None,
        }
    }

    /// All rows in key order.
    pub(super) fn in_order(&self, names: &Names) -> Vec<u32> {
        match self {
            Self::Series(series) => {
                let mut numbers: Vec<u32> = (0..u32::try_from(series.len()).unwrap_or(u32::MAX)).collect();
                numbers.sort_by(|&a, &b| names.name(a).cmp(names.name(b)));
                let mut rows = Vec::with_capacity(self.len());
                for number in numbers {
                    rows.extend_from_slice(&series[number as usize].rows);
                }
                rows
            }
            Self::Bytes(rows) => rows.values().copied().collect(),
        }
    }

    /// Number of keys.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Series(series) => series.iter().map(|series| series.rows.len()).sum(),
            Self::Bytes(rows) => rows.len(),
        }
    }
}

impl Series {
    fn insert(&mut self, time: i64, row: u32) -> Option<u32> {
        if self.times.last().is_none_or(|&last| time > last) {
            self.times.push(time);
            self.rows.push(row);
            return None;
        }
        match self.times.binary_search(&time) {
            Ok(place) => Some(std::mem::replace(&mut self.rows[place], row)),
            Err(place) => {
                self.times.insert(place, time);
                self.rows.insert(place, row);
                None
            }
        }
    }
}

/// Keys of telemetry that this process moved to Delta: complete from `since` on, bounded in number.
#[derive(Debug)]
pub(super) struct Recent {
    since: i64,
    series: Vec<Vec<i64>>,
    held: usize,
    limit: usize,
}

impl Recent {
    /// Knows every key later than `newest`, the newest time in Delta now: there is none.
    pub(super) const fn new(newest: Option<i64>, limit: usize) -> Self {
        let since = match newest {
            Some(newest) => newest.saturating_add(1),
            None => i64::MIN,
        };
        Self { since, series: Vec::new(), held: 0, limit }
    }

    /// True when it is certain that Delta does not have the key.
    pub(super) fn rules_out(&self, number: u32, time: i64) -> bool {
        time >= self.since && self.series.get(number as usize).is_none_or(|times| times.binary_search(&time).is_err())
    }

    /// Remembers the keys of a layer that went to Delta.
    pub(super) fn remember(&mut self, index: &Index) {
        let Index::Series(series) = index else { return };
        if self.series.len() < series.len() {
            self.series.resize_with(series.len(), Vec::new);
        }
        for (held, gone) in self.series.iter_mut().zip(series) {
            let from = gone.times.partition_point(|&time| time < self.since);
            let sorted = held.last().zip(gone.times.get(from)).is_none_or(|(last, first)| last < first);
            held.extend_from_slice(&gone.times[from..]);
            self.held += gone.times.len() - from;
            if !sorted {
                held.sort_unstable();
                let before = held.len();
                held.dedup();
                self.held -= before - held.len();
            }
        }
        if self.held > self.limit {
            self.forget_half();
        }
    }

    /// Delta got keys up to `newest` by another way.
    pub(super) fn skip(&mut self, newest: i64) {
        self.since = self.since.max(newest.saturating_add(1));
        self.drop_before();
    }

    /// About half: the median of a sample, because appends wait meanwhile.
    fn forget_half(&mut self) {
        let step = (self.held / SAMPLE).max(1);
        let mut sample: Vec<i64> = self.series.iter().flatten().step_by(step).copied().collect();
        let middle = sample.len() / 2;
        let (_, &mut median, _) = sample.select_nth_unstable(middle);
        self.since = self.since.max(median.saturating_add(1));
        self.drop_before();
    }

    fn drop_before(&mut self) {
        for times in &mut self.series {
            let from = times.partition_point(|&time| time < self.since);
            times.drain(..from);
        }
        self.held = self.series.iter().map(Vec::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::BatchKeys;
    use super::Index;
    use super::Names;
    use super::Recent;
    use crate::domain::AssetKind;
    use crate::domain::Table;

    const TABLE: Table = Table::Telemetry(AssetKind::WindTurbine);

    #[test]
    fn rows_come_in_key_order_however_they_arrived() {
        let mut names = Names::default();
        let (b, a) = (names.number("B"), names.number("A"));
        let keys = BatchKeys::Series(vec![b, a, b, a, b], vec![30, 5, 10, 7, 20]);
        let mut index = Index::new(TABLE);
        for at in 0..5 {
            assert_eq!(index.insert(&keys, at, at as u32), None);
        }
        assert_eq!(index.in_order(&names), [1, 3, 2, 4, 0]);
        assert_eq!(index.insert(&keys, 2, 9), Some(2));
        assert_eq!((index.find(&keys, 2), index.len()), (Some(9), 5));
    }

    #[test]
    fn recent_keys_rule_out_only_what_delta_cannot_have() {
        let mut recent = Recent::new(Some(100), 4);
        assert!(!recent.rules_out(0, 100) && recent.rules_out(0, 101));
        let mut index = Index::new(TABLE);
        let keys = BatchKeys::Series(vec![0, 0, 0, 1, 1], vec![50, 110, 130, 120, 140]);
        (0..5).for_each(|at| assert_eq!(index.insert(&keys, at, at as u32), None));
        recent.remember(&index);
        assert!(!recent.rules_out(0, 110) && recent.rules_out(0, 120) && !recent.rules_out(1, 120) && recent.rules_out(7, 120));
        recent.remember(&index);
        assert!(!recent.rules_out(0, 130), "the same keys twice");
        let more = BatchKeys::Series(vec![0], vec![150]);
        let mut index = Index::new(TABLE);
        index.insert(&more, 0, 0);
        recent.remember(&index);
        assert!(recent.held <= 4 && !recent.rules_out(0, 110) && !recent.rules_out(0, 150) && recent.rules_out(1, 150));
        recent.skip(1000);
        assert!(!recent.rules_out(0, 1000) && recent.rules_out(0, 1001));
    }
}
