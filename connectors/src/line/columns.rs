//! Columns of one kind of asset while a body is read: rows grow, a line that turns out bad is taken back.
//!
//! In: values in stored units. Out: [`Readings`]. Not here: which field goes where.

use arrow::array::Float64Array;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::NullBuffer;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Quantity;
use engine::domain::Readings;
use hashbrown::HashMap;

/// Rows of one [`Readings`] at most, so that columns a part of the body does not use cost nothing there.
const MOST_ROWS: usize = 65_536;

#[derive(Debug)]
pub(super) struct Columns {
    kind: AssetKind,
    times: Vec<i64>,
    assets: Vec<u32>,
    columns: Vec<Column>,
    by_quantity: HashMap<Quantity, usize>,
}

#[derive(Debug)]
struct Column {
    quantity: Quantity,
    /// NaN where there is none; may be shorter than the rows.
    values: Vec<f64>,
    has_gaps: bool,
}

impl Columns {
    pub(super) fn new(kind: AssetKind) -> Self {
        Self { kind, times: Vec::new(), assets: Vec::new(), columns: Vec::new(), by_quantity: HashMap::new() }
    }

    /// Position of a quantity's column, made when new.
    pub(super) fn column(&mut self, quantity: &Quantity) -> usize {
        if let Some(&index) = self.by_quantity.get(quantity) {
            return index;
        }
        self.columns.push(Column { quantity: quantity.clone(), values: Vec::new(), has_gaps: false });
        self.by_quantity.insert(quantity.clone(), self.columns.len() - 1);
        self.columns.len() - 1
    }

    /// Sets a value of the row being read; of two for one column the later stays.
    #[inline]
    pub(super) fn put(&mut self, column: usize, value: f64) {
        let row = self.times.len();
        let column = &mut self.columns[column];
        if column.values.len() == row {
            column.values.push(value);
        } else if column.values.len() > row {
            column.values[row] = value;
        } else {
            column.has_gaps = true;
            column.values.resize(row, f64::NAN);
            column.values.push(value);
        }
    }

    /// Keeps the row being read. True when it is time to [`Columns::take`].
    #[inline]
    pub(super) fn keep(&mut self, time: i64, asset: u32) -> bool {
        self.times.push(time);
        self.assets.push(asset);
        self.times.len() >= MOST_ROWS
    }

    /// Assets of the rows so far, as positions.
    pub(super) fn assets(&self) -> &[u32] {
        &self.assets
    }

    /// Forgets the row being read.
    pub(super) fn forget(&mut self) {
        let rows = self.times.len();
        for column in &mut self.columns {
            column.values.truncate(rows);
        }
    }

    /// The rows so far; leaves none. Positions of columns stay. Without `available_at` a row became known at its time.
    pub(super) fn take(&mut self, ids: &[AssetId], available_at: Option<i64>) -> Option<Readings> {
        let times = std::mem::take(&mut self.times);
        let assets = std::mem::take(&mut self.assets);
        let rows = times.len();
        let mut values = Vec::new();
        for column in &mut self.columns {
            let mut held = std::mem::take(&mut column.values);
            let has_gaps = std::mem::take(&mut column.has_gaps) || held.len() < rows;
            if held.iter().all(|value| value.is_nan()) {
                continue;
            }
            held.resize(rows, f64::NAN);
            let nulls = has_gaps.then(|| NullBuffer::new(BooleanBuffer::collect_bool(rows, |row| !held[row].is_nan())));
            values.push((column.quantity.clone(), Float64Array::new(held.into(), nulls)));
        }
        let available_at = available_at.map_or_else(|| times.clone(), |time| vec![time; rows]);
        (rows > 0).then(|| {
            Readings::gather(self.kind, times, (ids, &assets), available_at, values)
                .expect("a quantity has one column, columns were filled to one length, and values were finite when put")
        })
    }
}
