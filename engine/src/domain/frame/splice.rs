//! A frame carried on: its newest rows replaced by those read anew, its oldest cut.
//!
//! In: a frame and what the store now holds from a time on. Out: the frame that reading everything would have given.

use super::{Frame, micros};
use crate::domain::Timestamp;

impl Frame {
    /// Rows at or after `from` (on the grid) are replaced by those of `tail`, which holds what there is of them now; rows before `start`
    /// go. `None` when no row is left, or when the two are not of one asset and grid.
    pub fn spliced(mut self, start: Timestamp, from: Timestamp, tail: Option<Self>) -> Option<Self> {
        let step = self.resolution.seconds() * 1_000_000;
        if tail.as_ref().is_some_and(|tail| {
            tail.asset.id != self.asset.id
                || tail.resolution != self.resolution
                || (micros(tail.start) - micros(self.start)) % step != 0
        }) {
            return None;
        }
        let kept = self.index_at(from);
        self.resize(kept);
        if let Some(tail) = tail {
            self.append(tail, step);
        }
        self.cut(start);
        (self.len > 0).then_some(self)
    }

    fn resize(&mut self, len: usize) {
        self.available_at.resize(len, i64::MAX);
        self.columns.values_mut().for_each(|column| column.resize(len, f64::NAN));
        self.len = len;
    }

    fn append(&mut self, tail: Self, step: i64) {
        if self.len == 0 {
            *self = tail;
            return;
        }
        let Ok(at) = usize::try_from((micros(tail.start) - micros(self.start)) / step) else { return };
        self.resize(at.max(self.len));
        self.resize(at + tail.len);
        self.available_at[at..].copy_from_slice(&tail.available_at);
        for (quantity, values) in tail.columns {
            let column = self.columns.entry(quantity).or_insert_with(|| vec![f64::NAN; at + values.len()]);
            column[at..].copy_from_slice(&values);
        }
        self.asset = tail.asset;
    }

    /// As a frame is read: from its first row to its last, without columns that hold nothing.
    fn cut(&mut self, start: Timestamp) {
        let known = |&row: &usize| self.available_at[row] != i64::MAX;
        let first = (self.index_at(start)..self.len).find(known).unwrap_or(self.len);
        let end = (first..self.len).rev().find(known).map_or(first, |row| row + 1);
        self.resize(end);
        if first > 0 {
            self.start = self.time(first);
            self.available_at.drain(..first);
            self.columns.values_mut().for_each(|column| drop(column.drain(..first)));
            self.len -= first;
        }
        self.columns.retain(|_, column| column.iter().any(|value| !value.is_nan()));
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::{Asset, AssetId, AssetKind, Frame, Quantity, Resolution, Timestamp, from_micros};
    use std::collections::BTreeMap;

    fn at(row: usize) -> Timestamp {
        from_micros(row as i64 * 600_000_000)
    }

    /// The frame of these rows `(row, power, wind)`.
    fn frame(rows: &[(usize, f64, f64)]) -> Option<Frame> {
        let (first, last) = (rows.first()?.0, rows.last()?.0);
        let mut known = vec![i64::MAX; last - first + 1];
        let mut columns: BTreeMap<Quantity, Vec<f64>> = BTreeMap::new();
        for &(row, power, wind) in rows {
            known[row - first] = row as i64;
            for (quantity, value) in [(Quantity::ACTIVE_POWER, power), (Quantity::WIND_SPEED, wind)] {
                if value.is_finite() {
                    columns.entry(quantity).or_insert_with(|| vec![f64::NAN; last - first + 1])[row - first] = value;
                }
            }
        }
        let asset = Asset::new(AssetId::parse("T").unwrap(), AssetKind::WindTurbine);
        Some(Frame::new(asset, at(first), Resolution::from_seconds(600).unwrap(), known, columns))
    }

    fn text(frame: Option<&Frame>) -> String {
        format!("{frame:?}")
    }

    #[test]
    fn carrying_on_gives_what_reading_everything_gives() {
        let value = |row: usize, salt: usize| {
            if (row * 7 + salt * 5).is_multiple_of(3) || (salt == 1 && row < 30) { f64::NAN } else { (row * 10 + salt) as f64 }
        };
        let exists = |row: usize| !(row % 11 == 4 || (50..58).contains(&row));
        let rows = |from: usize, to: usize, salt: usize| -> Vec<(usize, f64, f64)> {
            (from..to).filter(|row| exists(*row)).map(|row| (row, value(row, salt), value(row, 1))).collect()
        };
        for (held_to, from, to, start) in
            [(40, 40, 41, 0), (40, 35, 44, 3), (56, 54, 60, 4), (60, 60, 60, 59), (45, 20, 70, 31), (50, 50, 57, 12)]
        {
            let held = frame(&rows(0, held_to, 0)).unwrap();
            let fresh = rows(from, to, 2);
            let truth: Vec<_> =
                rows(0, from.min(held_to), 0).into_iter().chain(fresh.clone()).filter(|row| row.0 >= start).collect();
            let carried = held.spliced(at(start), at(from), frame(&fresh));
            assert_eq!(text(carried.as_ref()), text(frame(&truth).as_ref()), "{held_to} {from} {to} {start}");
        }
        let held = frame(&rows(0, 40, 0)).unwrap();
        assert_eq!(held.clone().spliced(at(100), at(40), None), None);
        assert_eq!(text(held.clone().spliced(at(0), at(40), None).as_ref()), text(Some(&held)));
    }
}
