//! A forecast of one asset and quantity, with its quantiles, and the batch it is stored as.

use super::{AssetId, DomainError, Note, Quantity, Table, Timestamp, micros};
use arrow::array::{Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use std::sync::Arc;

/// A probability strictly between 0 and 1; 0.5 is the point forecast.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Quantile(f64);

impl Quantile {
    /// Checks the number.
    ///
    /// # Errors
    /// [`DomainError::Quantile`].
    pub fn new(value: f64) -> Result<Self, DomainError> {
        if value > 0.0 && value < 1.0 { Ok(Self(value)) } else { Err(DomainError::Quantile { value }) }
    }

    /// The probability.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// The nine deciles, the house default.
    pub fn deciles() -> Vec<Self> {
        (1..10).map(|tenth| Self(f64::from(tenth) / 10.0)).collect()
    }
}

/// One forecast of one asset and quantity: all steps, all quantiles.
///
/// # Shape
/// `values[step][quantile]`, as many steps as `valid_times`, quantiles as in `quantiles`, non-decreasing along a step.
/// # Units
/// The stored unit of the quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Whose forecast.
    pub asset_id: AssetId,
    /// Of what.
    pub quantity: Quantity,
    /// When it could first be used.
    pub issue_time: Timestamp,
    /// What each step is about.
    pub valid_times: Vec<Timestamp>,
    /// Rising probabilities.
    pub quantiles: Vec<Quantile>,
    /// `[step][quantile]`.
    pub values: Vec<Vec<f64>>,
    /// Name of the model that made it.
    pub model: String,
    /// Version of that model: crate version and parameter digest.
    pub model_version: String,
    /// What was amiss when it was made; empty when all was well.
    pub notes: Vec<Note>,
}

/// One row of `forecasts`.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastRow {
    /// What the row is about.
    pub valid_time: Timestamp,
    /// Which quantile.
    pub quantile: Quantile,
    /// In the stored unit.
    pub value: f64,
}

impl Forecast {
    /// The rows of the `forecasts` table, step by step.
    pub fn rows(&self) -> impl Iterator<Item = ForecastRow> + '_ {
        self.valid_times.iter().zip(&self.values).flat_map(|(&valid_time, step)| {
            self.quantiles.iter().zip(step).map(move |(&quantile, &value)| ForecastRow { valid_time, quantile, value })
        })
    }

    /// The batch stored in `forecasts`.
    ///
    /// # Errors
    /// [`DomainError::Column`] when a step has another number of values than there are quantiles.
    pub fn to_batch(&self) -> Result<RecordBatch, DomainError> {
        let rows: Vec<ForecastRow> = self.rows().collect();
        let n = rows.len();
        let time = |values: Vec<i64>| Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC")) as Arc<dyn Array>;
        let text = |value: &str| Arc::new(StringArray::from(vec![value; n])) as Arc<dyn Array>;
        let columns = vec![
            text(self.asset_id.as_str()),
            text(self.quantity.name()),
            time(vec![micros(self.issue_time); n]),
            time(rows.iter().map(|r| micros(r.valid_time)).collect()),
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.quantile.value()))),
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.value))),
            text(&self.model),
            text(&self.model_version),
            Arc::new(StringArray::from(vec![Note::write(&self.notes); n])),
        ];
        RecordBatch::try_new(Arc::new(Table::Forecasts.base_schema()), columns).map_err(|error| DomainError::Column {
            table: Table::Forecasts.name().into(),
            column: "all".into(),
            expected: "one value per step and quantile".into(),
            found: error.to_string(),
        })
    }
}
