//! Merging rows by key: later rows fill or override, nulls never erase, repeated rows change nothing. Pure.
//!
//! In: rows already held (each key once) and rows that arrive, in order. Out: each key once, sorted, and what became of them.

use super::Receipt;
use super::keys::union;
use super::keys::widen;
use crate::domain::AVAILABLE_AT;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::array::UInt32Array;
use arrow::compute::concat_batches;
use arrow::compute::take;
use arrow::compute::take_record_batch;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::SchemaRef;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use arrow::row::RowConverter;
use arrow::row::Rows;
use arrow::row::SortField;

/// Rows after a merge.
#[derive(Debug, Clone)]
pub(super) struct Merged {
    /// Every key once, sorted by key.
    pub(super) rows: RecordBatch,
    /// Only the keys that were not held before, sorted by key.
    pub(super) inserted: RecordBatch,
    /// Only the keys that were held and got a new value, sorted by key.
    pub(super) changed: RecordBatch,
    /// What became of the arriving rows.
    pub(super) receipt: Receipt,
}

/// Merges `arriving` into `held`; both may lack columns the other has.
///
/// `available_at` keeps its value when a row changes nothing, else becomes the later one.
pub(super) fn merge(key: &[&str], held: &[RecordBatch], arriving: &RecordBatch) -> Result<Merged, ArrowError> {
    let schema = held.iter().fold(arriving.schema(), |schema, batch| union(&batch.schema(), &schema));
    let mut parts = held.iter().map(|batch| widen(batch, &schema)).collect::<Result<Vec<_>, _>>()?;
    let known = parts.iter().map(RecordBatch::num_rows).sum::<usize>();
    parts.push(widen(arriving, &schema)?);
    let all = if parts.len() == 1 { parts.remove(0) } else { concat_batches(&schema, &parts)? };
    let rows = key_rows(key, &all)?;
    let order = sorted(&rows);
    let groups = group(&rows, &order);
    let receipt = |inserted, changed| Receipt {
        rows: arriving.num_rows(),
        inserted,
        changed,
        unchanged: arriving.num_rows() - inserted - changed,
    };
    if groups.len() == order.len() {
        let inserted: Vec<u32> = order.iter().copied().filter(|&row| row as usize >= known).collect();
        let count = inserted.len();
        let inserted = take_record_batch(&all, &UInt32Array::from(inserted))?;
        let rows = if known == 0 { inserted.clone() } else { take_record_batch(&all, &UInt32Array::from(order))? };
        let changed = all.slice(0, 0);
        return Ok(Merged { rows, inserted, changed, receipt: receipt(count, 0) });
    }
    let folded = fold(key, &all, &order, &groups, known)?;
    let (mut fresh, mut changed) = (Vec::new(), Vec::new());
    for (at, &(start, _)) in groups.iter().enumerate() {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        if order[start] as usize >= known {
            fresh.push(at);
        } else if folded.changed[at as usize] {
            changed.push(at);
        }
    }
    let receipt = receipt(fresh.len(), changed.len());
    let inserted = take_record_batch(&folded.rows, &UInt32Array::from(fresh))?;
    let changed = take_record_batch(&folded.rows, &UInt32Array::from(changed))?;
    Ok(Merged { rows: folded.rows, inserted, changed, receipt })
}

/// The key of each row as comparable bytes.
pub(super) fn key_rows(key: &[&str], batch: &RecordBatch) -> Result<Rows, ArrowError> {
    let columns: Vec<ArrayRef> = key.iter().filter_map(|name| batch.column_by_name(name).cloned()).collect();
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    RowConverter::new(fields)?.convert_columns(&columns)
}

fn sorted(rows: &Rows) -> Vec<u32> {
    let mut order: Vec<u32> = (0..u32::try_from(rows.num_rows()).unwrap_or(u32::MAX)).collect();
    let in_order = order.windows(2).all(|pair| rows.row(pair[0] as usize) <= rows.row(pair[1] as usize));
    if !in_order {
        order.sort_by(|&a, &b| rows.row(a as usize).cmp(&rows.row(b as usize)));
    }
    order
}

/// Stretches `[start, end)` of `order` with one key each.
fn group(rows: &Rows, order: &[u32]) -> Vec<(usize, usize)> {
    let mut groups = Vec::with_capacity(order.len());
    let mut start = 0;
    for at in 1..=order.len() {
        if at == order.len() || rows.row(order[at] as usize) != rows.row(order[start] as usize) {
            groups.push((start, at));
            start = at;
        }
    }
    groups
}

struct Folded {
    rows: RecordBatch,
    changed: Vec<bool>,
}

/// For each key and column, the row whose value is kept: rows are applied one after another, as they came.
fn fold(key: &[&str], all: &RecordBatch, order: &[u32], groups: &[(usize, usize)], known: usize) -> Result<Folded, ArrowError> {
    let schema: SchemaRef = all.schema();
    let columns: Vec<Column<'_>> = all.columns().iter().map(Column::new).collect();
    let mut picks: Vec<Vec<u32>> = vec![Vec::with_capacity(groups.len()); columns.len()];
    let values: Vec<usize> = (0..columns.len())
        .filter(|&c| !key.contains(&schema.field(c).name().as_str()) && schema.field(c).name() != AVAILABLE_AT)
        .collect();
    let clock = schema.index_of(AVAILABLE_AT).ok();
    let mut changed = vec![false; groups.len()];
    let mut current = vec![0; columns.len()];
    for (at, &(start, end)) in groups.iter().enumerate() {
        current.fill(order[start]);
        for &row in &order[start + 1..end] {
            let mut differs = false;
            for &c in &values {
                let held = current[c] as usize;
                if columns[c].is_valid(row as usize) && !columns[c].same(held, row as usize) {
                    current[c] = row;
                    differs = true;
                }
            }
            if let (true, Some(c)) = (differs, clock)
                && columns[c].later(current[c] as usize, row as usize)
            {
                current[c] = row;
            }
            changed[at] |= differs && (order[start] as usize) < known;
        }
        for (pick, row) in picks.iter_mut().zip(&current) {
            pick.push(*row);
        }
    }
    let arrays = all.columns().iter().zip(picks).map(|(array, pick)| take(array, &UInt32Array::from(pick), None));
    Ok(Folded { rows: RecordBatch::try_new(schema, arrays.collect::<Result<_, _>>()?)?, changed })
}

/// A column with its type looked up once.
enum Column<'a> {
    Real(&'a arrow::array::Float64Array),
    Time(&'a arrow::array::TimestampMicrosecondArray),
    Text(&'a arrow::array::StringArray),
    Other(&'a ArrayRef),
}

impl<'a> Column<'a> {
    fn new(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            DataType::Float64 => Self::Real(array.as_primitive::<Float64Type>()),
            DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, _) => {
                Self::Time(array.as_primitive::<TimestampMicrosecondType>())
            }
            DataType::Utf8 => Self::Text(array.as_string::<i32>()),
            _ => Self::Other(array),
        }
    }

    fn is_valid(&self, row: usize) -> bool {
        match self {
            Self::Real(array) => array.is_valid(row),
            Self::Time(array) => array.is_valid(row),
            Self::Text(array) => array.is_valid(row),
            Self::Other(array) => array.is_valid(row),
        }
    }

    fn same(&self, a: usize, b: usize) -> bool {
        self.is_valid(a) == self.is_valid(b)
            && match self {
                Self::Real(array) => array.value(a) == array.value(b),
                Self::Time(array) => array.value(a) == array.value(b),
                Self::Text(array) => array.value(a) == array.value(b),
                Self::Other(array) => array.slice(a, 1).to_data() == array.slice(b, 1).to_data(),
            }
    }

    fn later(&self, held: usize, row: usize) -> bool {
        matches!(self, Self::Time(array) if array.value(row) > array.value(held))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Receipt;
    use super::merge;
    use crate::domain::AssetKind;
    use crate::domain::Quantity;
    use crate::domain::Readings;
    use arrow::array::AsArray;
    use arrow::array::RecordBatch;
    use arrow::datatypes::Float64Type;
    use arrow::datatypes::TimestampMicrosecondType;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const KEY: &[&str] = &["asset_id", "time"];
    type Line = (i64, i64, Option<f64>, Option<f64>);

    fn batch(lines: &[Line]) -> RecordBatch {
        let ids = vec!["T".to_owned(); lines.len()];
        let columns = vec![
            (Quantity::ACTIVE_POWER, lines.iter().map(|l| l.2).collect()),
            (Quantity::WIND_SPEED, lines.iter().map(|l| l.3).collect()),
        ];
        let times = lines.iter().map(|l| l.0).collect();
        let known = lines.iter().map(|l| l.1).collect();
        Readings::from_columns(AssetKind::WindTurbine, times, ids, known, columns).unwrap().batch().clone()
    }

    fn lines(batch: &RecordBatch) -> Vec<Line> {
        let time = |name: &str| batch[name].as_primitive::<TimestampMicrosecondType>().values().to_vec();
        let real = |name: &str| batch[name].as_primitive::<Float64Type>().iter().collect::<Vec<_>>();
        let (times, known, power, wind) = (time("time"), time("available_at"), real("active_power"), real("wind_speed"));
        (0..times.len()).map(|i| (times[i], known[i], power[i], wind[i])).collect()
    }

    #[test]
    fn later_rows_fill_override_and_never_erase() {
        let held = batch(&[(0, 10, Some(1.0), None), (600, 20, Some(2.0), Some(7.0))]);
        let arriving = batch(&[(1200, 5, None, Some(1.0)), (600, 99, None, Some(7.0)), (0, 50, None, Some(6.0))]);
        let merged = merge(KEY, &[held], &arriving).unwrap();
        assert_eq!(merged.receipt, Receipt { rows: 3, inserted: 1, changed: 1, unchanged: 1 });
        let expected = [(0, 50, Some(1.0), Some(6.0)), (600, 20, Some(2.0), Some(7.0)), (1200, 5, None, Some(1.0))];
        assert_eq!(lines(&merged.rows), expected);
        assert_eq!(lines(&merged.inserted), expected[2..]);
    }

    #[test]
    fn a_new_column_counts_as_a_change() {
        let held = batch(&[(0, 10, Some(1.0), None)]).project(&[0, 1, 2, 3]).unwrap();
        let merged = merge(KEY, &[held], &batch(&[(0, 11, None, Some(3.0))])).unwrap();
        assert_eq!(lines(&merged.rows), [(0, 11, Some(1.0), Some(3.0))]);
        assert_eq!(merged.receipt.changed, 1);
    }

    proptest! {
        #[test]
        fn agrees_with_a_map_and_is_idempotent(
            first in prop::collection::vec((0..6i64, 0..5i64, prop::option::of(0..3i32), prop::option::of(0..3i32)), 0..20),
            second in prop::collection::vec((0..6i64, 0..5i64, prop::option::of(0..3i32), prop::option::of(0..3i32)), 1..20),
        ) {
            let wide = |rows: &[(i64, i64, Option<i32>, Option<i32>)]| -> Vec<Line> {
                rows.iter().map(|r| (r.0, r.1, r.2.map(f64::from), r.3.map(f64::from))).collect()
            };
            let (first, second) = (wide(&first), wide(&second));
            let mut expected: BTreeMap<i64, Line> = BTreeMap::new();
            for line in first.iter().chain(&second) {
                let held = expected.entry(line.0).or_insert(*line);
                let next = (line.2.or(held.2), line.3.or(held.3));
                if next != (held.2, held.3) {
                    *held = (line.0, held.1.max(line.1), next.0, next.1);
                }
            }
            let held = merge(KEY, &[], &batch(&first)).unwrap().rows;
            let merged = merge(KEY, std::slice::from_ref(&held), &batch(&second)).unwrap();
            prop_assert_eq!(lines(&merged.rows), expected.values().copied().collect::<Vec<_>>());
            let again = merge(KEY, std::slice::from_ref(&merged.rows), &merged.rows).unwrap();
            prop_assert_eq!(again.receipt.unchanged, merged.rows.num_rows());
            prop_assert_eq!(again.rows, merged.rows);
        }
    }
}
