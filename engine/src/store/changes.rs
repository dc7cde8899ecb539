//! From when on a table has changed: so that a reader who kept what it read reads only what is new.
//!
//! In: after each write that readers can see, the earliest time among its rows (of the column that rises as history goes on). Out: the
//! earliest time of all writes since a mark. A mark is taken before reading, a write is told after it became visible: what is between the two
//! is read twice, never missed. Fixed memory: old writes are told together, as early as the earliest of them.

use super::keys::clock;
use crate::domain::Table;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::TimestampMicrosecondType;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Writes of a table that are told apart.
const TOLD_APART: usize = 64;

/// A place in the order of all writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark(u64);

#[derive(Debug, Default)]
struct Told {
    newest: u64,
    /// Per table: writes by their number, each with an earliest time later than that of the one before. A write is dropped when a later one
    /// reaches further back.
    tables: BTreeMap<Table, Vec<(u64, i64)>>,
}

/// What changed.
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<Told>);

impl Changes {
    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the order of writes stands now.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.told().newest)
    }

    /// Rows became visible, the earliest at `earliest` microseconds.
    pub(super) fn tell(&self, table: Table, earliest: i64) {
        let mut told = self.told();
        told.newest += 1;
        let number = told.newest;
        let writes = told.tables.entry(table).or_default();
        while writes.last().is_some_and(|(_, time)| *time >= earliest) {
            writes.pop();
        }
        writes.push((number, earliest));
        if writes.len() > TOLD_APART {
            let (_, earlier) = writes.remove(0);
            writes[0].1 = earlier;
        }
    }

    /// The rows of a batch became visible.
    pub(super) fn tell_rows(&self, table: Table, rows: &RecordBatch) {
        let earliest = arrow::compute::min(rows[clock(table)].as_primitive::<TimestampMicrosecondType>());
        if let Some(earliest) = earliest {
            self.tell(table, earliest);
        }
    }

    /// The earliest time at which a table may have changed since `mark`; `None` when it has not.
    pub(super) fn since(&self, table: Table, mark: Mark) -> Option<Timestamp> {
        let told = self.told();
        let writes = told.tables.get(&table)?;
        writes.iter().find(|(number, _)| *number > mark.0).map(|(_, time)| from_micros(*time))
    }
}

#[cfg(test)]
mod tests {
    use super::{Changes, Mark, TOLD_APART, Table, from_micros};

    #[test]
    fn the_earliest_write_since_a_mark_is_told() {
        let changes = Changes::default();
        let table = Table::Forecasts;
        let mut marks: Vec<(Mark, usize)> = Vec::new();
        let writes: Vec<i64> = (0..300).map(|i| if i % 37 == 0 { i / 2 } else { 10 * i }).collect();
        for (i, &earliest) in writes.iter().enumerate() {
            marks.push((changes.mark(), i));
            changes.tell(table, earliest);
        }
        for (mark, from) in marks {
            let told = changes.since(table, mark).unwrap();
            let truth = from_micros(*writes[from..].iter().min().unwrap());
            assert!(told <= truth, "a change is never missed");
            assert!(told == truth || from + TOLD_APART < 300, "{from}: {told} is earlier than {truth}");
        }
        assert_eq!(changes.since(table, changes.mark()), None);
        assert_eq!(changes.since(Table::Events, Mark::default()), None);
        assert!(changes.told().tables[&table].len() <= TOLD_APART);
    }
}
