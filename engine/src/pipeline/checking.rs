//! Quality checks of stored telemetry: what looks wrong is written to `quality_flags`; the values themselves stay.

use super::Pipeline;
use super::PipelineError;
use super::forecasting::blocking;
use super::functions::table_batch;
use super::resolution;
use crate::detect::QualityFlag;
use crate::detect::QualityOptions;
use crate::detect::quality_flags;
use crate::domain::Asset;
use crate::domain::DomainError;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::micros;
use arrow::array::{Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use std::sync::Arc;

impl Pipeline {
    /// Looks over the telemetry of these assets (within `range`, or all of it) and keeps what is odd. Returns the number of
    /// flags; flags that are already there change nothing.
    ///
    /// # Errors
    /// [`PipelineError::Store`].
    pub async fn check_quality(&self, assets: &[Asset], range: Option<TimeRange>) -> Result<usize, PipelineError> {
        let mut found = 0;
        for asset in assets {
            let frames = self.store().frames(std::slice::from_ref(asset), range, resolution(asset), None).await?;
            let known = self.store().quantities();
            let look =
                move || Ok(frames.iter().flat_map(|f| quality_flags(f, &known, &QualityOptions::default())).collect::<Vec<_>>());
            let flags = blocking(asset.id.as_str(), look).await?;
            if !flags.is_empty() {
                found += flags.len();
                self.store().import_table(Table::QualityFlags, flags_batch(&flags)?).await?;
            }
        }
        Ok(found)
    }
}

/// Flags as rows of `quality_flags`.
fn flags_batch(flags: &[QualityFlag]) -> Result<RecordBatch, DomainError> {
    let text = |value: fn(&QualityFlag) -> &str| Arc::new(StringArray::from_iter_values(flags.iter().map(value))) as Arc<dyn Array>;
    let times = TimestampMicrosecondArray::from_iter_values(flags.iter().map(|flag| micros(flag.time)));
    let raw: Float64Array = flags.iter().map(|flag| flag.raw_value.is_finite().then_some(flag.raw_value)).collect();
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(times.with_timezone("UTC")),
        text(|flag| flag.asset.as_str()),
        text(|flag| flag.quantity.name()),
        text(|flag| flag.quality.name()),
        Arc::new(raw),
        text(|flag| flag.reason.name()),
    ];
    table_batch(Table::QualityFlags, columns)
}
