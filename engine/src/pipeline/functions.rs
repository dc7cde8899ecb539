//! What SQL may ask of the models and detectors, as table functions, and rows for the tables they fill.

mod controller_log;
mod explanation;
mod forecast;
mod maintenance;
mod named;
mod products;
mod record;
mod solar;
mod watch;

pub use maintenance::plan_batch;
pub use maintenance::register_maintenance;
pub use products::{paths_batch, ramps_batch, reserve_batch};
pub use record::record_batch;

use super::Pipeline;
use super::PipelineError;
use super::forecast_agg::forecast_agg;
use super::watching::incidents_batch;
use crate::domain::DomainError;
use crate::domain::Resolution;
use crate::domain::Table;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::evaluate::Verdict;
use crate::query::Arguments;
use crate::query::QueryError;
use crate::query::Session;
use arrow::array::{Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema};
use futures::FutureExt;
use named::Named;
use std::sync::Arc;

/// How `anomalies` is called.
const ANOMALIES: &str = "anomalies([asset => 'tarfaya/T01', until => '2026-01-01T00:00:00Z'])";

/// Makes `forecast(...)`, `forecast_explanation(...)`, `forecast_as_of(...)`, `backtest(...)`, `forecast_verification(...)`,
/// `scenarios(...)`, `ramps(...)`, `reserve(...)`, `anomalies(...)`, `alarm_log(...)`, `soiling_ratio(...)`, `degradation(...)`,
/// `operating_states(...)` and `detection_power(...)` known to a session. `now` answers for calls that name no time.
pub fn register_functions(session: &Session, pipeline: &Pipeline, now: impl Fn() -> Timestamp + Clone + Send + Sync + 'static) {
    forecast::register(session, pipeline, now.clone());
    explanation::register(session, pipeline, now.clone());
    record::register(session, pipeline);
    products::register(session, pipeline);
    session.register_aggregate(forecast_agg());
    let (shared, clock) = (pipeline.clone(), now.clone());
    let anomalies = move |arguments: Arguments| {
        let (pipeline, now) = (shared.clone(), clock());
        async move { anomaly_rows(&pipeline, &arguments, now).await }.boxed()
    };
    session.register_computed("anomalies", ANOMALIES, Arc::new(anomalies));
    controller_log::register(session, pipeline, now.clone());
    solar::register(session, pipeline, now.clone());
    watch::register(session, pipeline, now);
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

/// A verdict as rows of `forecast_scores`: one per candidate, metric `pinball`; the served model says `served`. Then, per bucket of
/// leads, the model that is served there and the best naive, metric `pinball 60-120 min` for the steps that begin an hour after the
/// issue time or later, and before two.
///
/// # Errors
/// [`DomainError::Column`] when Arrow refuses the columns.
pub fn scores_batch(verdict: &Verdict, resolution: Resolution) -> Result<RecordBatch, DomainError> {
    let word = |model: &str| match model {
        m if m == verdict.model => "served",
        m if m == verdict.best_naive => "best_naive",
        _ => "candidate",
    };
    let overall = verdict.table.iter().map(|row| (row.model.as_str(), verdict.metric.to_owned(), row.score, word(&row.model)));
    let mut rows: Vec<(&str, String, f64, &str)> = overall.collect();
    for bucket in &verdict.buckets {
        let minutes = |steps: usize| steps as f64 * resolution.seconds() as f64 / 60.0;
        let metric = format!("{} {}-{} min", verdict.metric, minutes(bucket.from), minutes(bucket.to));
        let naive = bucket.best_naive.as_deref().filter(|naive| *naive != bucket.model).zip(bucket.naive_score);
        rows.extend(bucket.score.map(|score| (bucket.model.as_str(), metric.clone(), score, "served")));
        rows.extend(naive.map(|(naive, score)| (naive, metric, score, "best_naive")));
    }
    let n = rows.len();
    let text = |value: &str| Arc::new(StringArray::from(vec![value; n])) as Arc<dyn Array>;
    let columns: Vec<Arc<dyn Array>> = vec![
        text(verdict.asset_id.as_str()),
        text(verdict.quantity.name()),
        Arc::new(TimestampMicrosecondArray::from(vec![micros(verdict.evaluated_at); n]).with_timezone("UTC")),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1.as_str()))),
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.2))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.3))),
    ];
    table_batch(Table::ForecastScores, columns)
}

/// Columns in the order of a table's base schema.
pub(super) fn table_batch(table: Table, columns: Vec<Arc<dyn Array>>) -> Result<RecordBatch, DomainError> {
    let fields = table.base_schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    table_batch_of(table.name(), fields, columns)
}

/// Columns of an answer.
fn table_batch_of(table: &str, fields: Vec<Field>, columns: Vec<Arc<dyn Array>>) -> Result<RecordBatch, DomainError> {
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| DomainError::Column {
        table: table.into(),
        column: "all".into(),
        expected: "columns of one length, in the table's types".into(),
        found: error.to_string(),
    })
}
