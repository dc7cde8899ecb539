//! What SQL may ask of the models and detectors, as table functions, and rows for the tables they fill.

mod explanation;
mod forecast;
mod named;

use super::Pipeline;
use super::PipelineError;
use super::forecast_agg::forecast_agg;
use super::watching::incidents_batch;
use crate::domain::DomainError;
use crate::domain::Table;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::evaluate::Verdict;
use crate::query::Arguments;
use crate::query::QueryError;
use crate::query::Session;
use arrow::array::{Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use futures::FutureExt;
use named::Named;
use std::sync::Arc;

/// How `anomalies` is called.
const ANOMALIES: &str = "anomalies([asset => 'tarfaya/T01', until => '2026-01-01T00:00:00Z'])";

/// Makes `forecast(...)`, `forecast_explanation(...)`, `forecast_as_of(...)`, `backtest(...)` and `anomalies(...)` known to a session. `now`
/// answers for calls that name no time.
pub fn register_functions(session: &Session, pipeline: &Pipeline, now: impl Fn() -> Timestamp + Clone + Send + Sync + 'static) {
    forecast::register(session, pipeline, now.clone());
    explanation::register(session, pipeline, now.clone());
    session.register_aggregate(forecast_agg());
    let shared = pipeline.clone();
    let anomalies = move |arguments: Arguments| {
        let (pipeline, now) = (shared.clone(), now());
        async move { anomaly_rows(&pipeline, &arguments, now).await }.boxed()
    };
    session.register_computed("anomalies", ANOMALIES, Arc::new(anomalies));
}

async fn anomaly_rows(pipeline: &Pipeline, arguments: &Arguments, now: Timestamp) -> Result<RecordBatch, QueryError> {
    let read = Named::read("anomalies", ANOMALIES, &["asset", "until"], arguments)?;
    let refuse = |error: PipelineError| read.refuse(&error.to_string());
    let asset = read.text("asset")?.map(|id| pipeline.asset(id)).transpose().map_err(refuse)?;
    let until = read.time("until")?.unwrap_or(now);
    let incidents = pipeline.incidents(asset.as_ref(), until).await.map_err(refuse)?;
    incidents_batch(&incidents).map_err(|error| read.refuse(&error.to_string()))
}

impl Pipeline {
    /// The instant just after the newest reading of an asset: the natural issue time of a store that stands still.
    ///
    /// # Errors
    /// [`PipelineError::Store`].
    pub async fn end_of_data(&self, asset: &crate::domain::Asset) -> Result<Option<Timestamp>, PipelineError> {
        let latest = self.store().latest(asset.kind).await?;
        let step = super::resolution(asset);
        Ok(latest.get(&asset.id).map(|row| from_micros(micros(row.time).saturating_add(step.seconds() * 1_000_000))))
    }
}

/// A verdict as rows of `forecast_scores`: one per candidate, metric `pinball`; the served model says `served`.
///
/// # Errors
/// [`DomainError::Column`] when Arrow refuses the columns.
pub fn scores_batch(verdict: &Verdict) -> Result<RecordBatch, DomainError> {
    let n = verdict.table.len();
    let text = |value: &str| Arc::new(StringArray::from(vec![value; n])) as Arc<dyn Array>;
    let word = |model: &str| match model {
        m if m == verdict.model => "served",
        m if m == verdict.best_naive => "best_naive",
        _ => "candidate",
    };
    let columns: Vec<Arc<dyn Array>> = vec![
        text(verdict.asset_id.as_str()),
        text(verdict.quantity.name()),
        Arc::new(TimestampMicrosecondArray::from(vec![micros(verdict.evaluated_at); n]).with_timezone("UTC")),
        Arc::new(StringArray::from_iter_values(verdict.table.iter().map(|row| row.model.as_str()))),
        text(verdict.metric),
        Arc::new(Float64Array::from_iter_values(verdict.table.iter().map(|row| row.score))),
        Arc::new(StringArray::from_iter_values(verdict.table.iter().map(|row| word(&row.model)))),
    ];
    table_batch(Table::ForecastScores, columns)
}

/// Columns in the order of a table's base schema.
pub(super) fn table_batch(table: Table, columns: Vec<Arc<dyn Array>>) -> Result<RecordBatch, DomainError> {
    RecordBatch::try_new(Arc::new(table.base_schema()), columns).map_err(|error| DomainError::Column {
        table: table.name().into(),
        column: "all".into(),
        expected: "columns of one length, in the table's types".into(),
        found: error.to_string(),
    })
}
