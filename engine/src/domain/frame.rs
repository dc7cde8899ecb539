//! One asset on a regular grid of time: what features, models and detectors work on.

mod splice;

use super::{Asset, AssetId, Quantity, Readings, Resolution, Timestamp, from_micros, micros};
use arrow::array::Array;
use std::collections::{BTreeMap, HashMap};

/// Telemetry of one asset as dense columns.
///
/// # Shape
/// Row `i` holds at `start + i × resolution`; every column has `len` values; `NaN` is missing (only here, never in a table).
/// # Units
/// Stored units.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Whose telemetry.
    pub asset: Asset,
    /// Time of row 0.
    pub start: Timestamp,
    /// Spacing of the rows.
    pub resolution: Resolution,
    /// Number of rows.
    pub len: usize,
    /// When each row became known, microseconds; `i64::MAX` where there was no row.
    pub available_at: Vec<i64>,
    columns: BTreeMap<Quantity, Vec<f64>>,
}

impl Frame {
    /// A frame from finished columns.
    ///
    /// # Panics
    /// Never; columns shorter than `len` are filled with NaN, longer ones cut.
    pub fn new(
        asset: Asset,
        start: Timestamp,
        resolution: Resolution,
        available_at: Vec<i64>,
        columns: BTreeMap<Quantity, Vec<f64>>,
    ) -> Self {
        let len = available_at.len();
        let columns = columns.into_iter().map(|(quantity, mut values)| {
            values.resize(len, f64::NAN);
            (quantity, values)
        });
        Self { asset, start, resolution, len, available_at, columns: columns.collect() }
    }

    /// Values of a quantity, if the asset has that column.
    pub fn column(&self, quantity: &Quantity) -> Option<&[f64]> {
        self.columns.get(quantity).map(Vec::as_slice)
    }

    /// Quantities with a column, sorted.
    pub fn quantities(&self) -> impl Iterator<Item = &Quantity> {
        self.columns.keys()
    }

    /// Time of row `index`; also defined past the end.
    pub fn time(&self, index: usize) -> Timestamp {
        from_micros(
            micros(self.start).saturating_add(self.resolution.seconds().saturating_mul(index as i64).saturating_mul(1_000_000)),
        )
    }

    /// First row at or after `time`, at most `len`.
    pub fn index_at(&self, time: Timestamp) -> usize {
        let step = self.resolution.seconds() * 1_000_000;
        let gap = micros(time).saturating_sub(micros(self.start));
        let steps = gap.div_euclid(step) + i64::from(gap.rem_euclid(step) != 0);
        usize::try_from(steps).unwrap_or(0).min(self.len)
    }

    /// What was known at `issue_time`: rows with `time < issue_time` and `available_at <= issue_time`; later rows are cut,
    /// rows known too late are blanked. **The** leak filter of the house for telemetry.
    pub fn known_at(&self, issue_time: Timestamp) -> Self {
        let end = self.index_at(issue_time);
        let limit = micros(issue_time);
        let late: Vec<usize> = (0..end).filter(|&i| self.available_at[i] > limit).collect();
        let columns = self.columns.iter().map(|(quantity, values)| {
            let mut cut = values[..end].to_vec();
            for &i in &late {
                cut[i] = f64::NAN;
            }
            (quantity.clone(), cut)
        });
        let mut available_at = self.available_at[..end].to_vec();
        for &i in &late {
            available_at[i] = i64::MAX;
        }
        Self {
            asset: self.asset.clone(),
            start: self.start,
            resolution: self.resolution,
            len: end,
            available_at,
            columns: columns.collect(),
        }
    }
}

/// Collects checked batches, in any order and with repeated keys, into frames.
#[derive(Debug)]
pub struct FrameBuilder {
    resolution: Resolution,
    rows: HashMap<AssetId, BTreeMap<i64, Row>>,
    names: Vec<Quantity>,
}

#[derive(Debug, Clone)]
struct Row {
    available_at: i64,
    values: Vec<(usize, f64)>,
}

impl FrameBuilder {
    /// A builder for grids of that spacing.
    pub fn new(resolution: Resolution) -> Self {
        Self { resolution, rows: HashMap::new(), names: Vec::new() }
    }

    /// Adds rows; a later row for the same key fills or overrides its non-null columns, nulls never erase.
    /// Times between grid points fall on the grid point before them.
    pub fn push(&mut self, readings: &Readings) {
        let step = self.resolution.seconds() * 1_000_000;
        let quantities = readings.quantities();
        let columns: Vec<_> = quantities
            .iter()
            .filter_map(|quantity| {
                let slot = self.names.iter().position(|known| known == quantity).unwrap_or_else(|| {
                    self.names.push(quantity.clone());
                    self.names.len() - 1
                });
                Some((slot, readings.values(quantity)?))
            })
            .collect();
        let (times, ids, known) = (readings.times(), readings.asset_ids(), readings.available_at());
        for row in 0..readings.len() {
            let Ok(asset) = AssetId::parse(ids.value(row)) else { continue };
            let time = times.value(row).div_euclid(step) * step;
            let entry = self
                .rows
                .entry(asset)
                .or_default()
                .entry(time)
                .or_insert_with(|| Row { available_at: i64::MIN, values: Vec::new() });
            entry.available_at = entry.available_at.max(known.value(row));
            for (slot, values) in &columns {
                if values.is_valid(row) {
                    match entry.values.iter_mut().find(|(s, _)| s == slot) {
                        Some(cell) => cell.1 = values.value(row),
                        None => entry.values.push((*slot, values.value(row))),
                    }
                }
            }
        }
    }

    /// The frames, one per asset of `assets` that has rows, in the order of `assets`.
    pub fn finish(mut self, assets: &[Asset]) -> Vec<Frame> {
        let step = self.resolution.seconds() * 1_000_000;
        let mut frames = Vec::new();
        for asset in assets {
            let Some(rows) = self.rows.remove(&asset.id) else { continue };
            let (Some((&first, _)), Some((&last, _))) = (rows.first_key_value(), rows.last_key_value()) else { continue };
            let len = usize::try_from((last - first) / step).unwrap_or(0) + 1;
            let mut available_at = vec![i64::MAX; len];
            let mut columns: BTreeMap<Quantity, Vec<f64>> = BTreeMap::new();
            for (time, row) in rows {
                let index = usize::try_from((time - first) / step).unwrap_or(0);
                available_at[index] = row.available_at;
                for (slot, value) in row.values {
                    columns.entry(self.names[slot].clone()).or_insert_with(|| vec![f64::NAN; len])[index] = value;
                }
            }
            frames.push(Frame::new(asset.clone(), from_micros(first), self.resolution, available_at, columns));
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Asset, AssetId, AssetKind, Quantity, Readings, Resolution, from_micros};
    use super::FrameBuilder;

    #[test]
    fn later_rows_fill_and_late_rows_stay_unknown() {
        let minute = 60_000_000;
        let batch = |times: Vec<i64>, known: Vec<i64>, power: Vec<Option<f64>>| {
            let ids = vec!["T".to_owned(); times.len()];
            Readings::from_columns(AssetKind::WindTurbine, times, ids, known, vec![(Quantity::ACTIVE_POWER, power)]).unwrap()
        };
        let mut builder = FrameBuilder::new(Resolution::parse("PT10M").unwrap());
        builder.push(&batch(vec![20 * minute, 0], vec![30 * minute, 10 * minute], vec![Some(3.0), Some(1.0)]));
        builder.push(&batch(vec![0], vec![10 * minute], vec![None]));
        builder.push(&batch(vec![10 * minute], vec![90 * minute], vec![Some(2.0)]));
        let asset = Asset::new(AssetId::parse("T").unwrap(), AssetKind::WindTurbine);
        let frame = builder.finish(&[asset]).remove(0);
        assert_eq!(frame.column(&Quantity::ACTIVE_POWER).unwrap(), [1.0, 2.0, 3.0]);
        let known = frame.known_at(from_micros(30 * minute));
        let column = known.column(&Quantity::ACTIVE_POWER).unwrap();
        assert!(column[1].is_nan() && column[2] == 3.0);
        assert_eq!(frame.known_at(from_micros(20 * minute)).len, 2);
    }
}
