//! Rows on their way into checked batches: one set of columns per asset kind, numbers rounded as a historian rounds them.
//!
//! In: values in stored units, NaN for missing. Out: [`Readings`] in order of time, then asset.

use super::options::SimulateError;
use engine::domain::AssetId;
use engine::domain::AssetKind;
use engine::domain::Quantity;
use engine::domain::Readings;

/// Columns of one kind that grow row by row.
#[derive(Debug)]
pub(super) struct Columns {
    kind: AssetKind,
    step: i64,
    times: Vec<i64>,
    ids: Vec<AssetId>,
    /// Quantity, ten to the number of decimals, values.
    values: Vec<(Quantity, f64, Vec<Option<f64>>)>,
}

impl Columns {
    /// Empty columns; `quantities` with their number of decimals.
    pub(super) fn new(kind: AssetKind, step: i64, quantities: &[(Quantity, i32)]) -> Self {
        let values = quantities.iter().map(|(q, decimals)| (q.clone(), 10_f64.powi(*decimals), Vec::new())).collect();
        Self { kind, step, times: Vec::new(), ids: Vec::new(), values }
    }

    /// One row, values in the order of the quantities; the row becomes known when its interval has passed.
    pub(super) fn push(&mut self, t: i64, id: &AssetId, row: &[f64]) {
        self.times.push(t);
        self.ids.push(id.clone());
        for (i, (_, scale, column)) in self.values.iter_mut().enumerate() {
            let value = row.get(i).copied().unwrap_or(f64::NAN);
            // Adding zero turns -0 into 0.
            column.push(value.is_finite().then(|| (value * *scale).round() / *scale + 0.0));
        }
    }

    /// The rows so far as a checked batch, if any; the columns are empty afterwards.
    pub(super) fn take(&mut self) -> Result<Option<Readings>, SimulateError> {
        if self.times.is_empty() {
            return Ok(None);
        }
        let times: Vec<i64> = self.times.drain(..).map(|t| t * 1_000_000).collect();
        let known = times.iter().map(|t| t + self.step * 1_000_000).collect();
        let ids = self.ids.drain(..).map(String::from).collect();
        let values = self.values.iter_mut().map(|(quantity, _, column)| (quantity.clone(), std::mem::take(column))).collect();
        Ok(Some(Readings::from_columns(self.kind, times, ids, known, values)?))
    }
}
