//! What SQL may ask of the models: `forecast(...)` and `anomalies(...)` as table functions, and rows for the tables they fill.

use super::Pipeline;
use super::PipelineError;
use super::forecasting::Issue;
use super::main_quantity;
use super::watching::incidents_batch;
use crate::domain::DomainError;
use crate::domain::Quantile;
use crate::domain::Table;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::domain::parse_duration;
use crate::domain::parse_time;
use crate::evaluate::Verdict;
use crate::query::Arguments;
use crate::query::QueryError;
use crate::query::Session;
use arrow::array::{Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use datafusion::scalar::ScalarValue;
use futures::FutureExt;
use std::sync::Arc;

/// How `forecast` is called; shown when a call is wrong.
const FORECAST: &str =
    "forecast(asset => 'tarfaya' [, quantity => 'active_power', at => '2026-01-01T00:00:00Z', horizon => 'PT48H'])";
/// How `anomalies` is called.
const ANOMALIES: &str = "anomalies([asset => 'tarfaya/T01', until => '2026-01-01T00:00:00Z'])";

/// Makes `forecast(...)` and `anomalies(...)` known to a session. `now` answers for calls that name no time.
pub fn register_functions(session: &Session, pipeline: &Pipeline, now: impl Fn() -> Timestamp + Clone + Send + Sync + 'static) {
    let (shared, clock) = (pipeline.clone(), now.clone());
    let forecast = move |arguments: Arguments| {
        let (pipeline, now) = (shared.clone(), clock());
        async move { forecast_rows(&pipeline, &arguments, now).await }.boxed()
    };
    session.register_computed("forecast", FORECAST, Arc::new(forecast));
    let shared = pipeline.clone();
    let anomalies = move |arguments: Arguments| {
        let (pipeline, now) = (shared.clone(), now());
        async move { anomaly_rows(&pipeline, &arguments, now).await }.boxed()
    };
    session.register_computed("anomalies", ANOMALIES, Arc::new(anomalies));
}

async fn forecast_rows(pipeline: &Pipeline, arguments: &Arguments, now: Timestamp) -> Result<RecordBatch, QueryError> {
    let read = Named::read("forecast", FORECAST, &["asset", "quantity", "at", "horizon"], arguments)?;
    let refuse = |error: PipelineError| read.refuse(&error.to_string());
    let wrong = |error: DomainError| read.refuse(&error.to_string());
    let asset = pipeline.asset(read.text("asset")?.ok_or_else(|| read.refuse("the asset is missing"))?).map_err(refuse)?;
    let quantity = match read.text("quantity")? {
        Some(name) => pipeline.store().quantities().get(name).map_err(wrong)?.0.clone(),
        None => main_quantity(asset.kind).ok_or_else(|| read.refuse("this kind of asset needs a quantity"))?.0,
    };
    let horizon = parse_duration(read.text("horizon")?.unwrap_or("PT48H")).map_err(wrong)?;
    let at = read.time("at")?.unwrap_or(pipeline.end_of_data(&asset).await.map_err(refuse)?.unwrap_or(now));
    let issue = Issue { asset, quantity, at, horizon, quantiles: Quantile::deciles() };
    let (forecast, _) = pipeline.issue(&issue, false).await.map_err(refuse)?;
    forecast.to_batch().map_err(wrong)
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

/// Arguments of a call, by name; positional ones take the names in their order.
struct Named<'a> {
    function: &'static str,
    usage: &'static str,
    values: Vec<(&'static str, &'a ScalarValue)>,
}

impl<'a> Named<'a> {
    fn read(
        function: &'static str,
        usage: &'static str,
        names: &[&'static str],
        arguments: &'a Arguments,
    ) -> Result<Self, QueryError> {
        let mut read = Self { function, usage, values: Vec::new() };
        for (position, (name, value)) in arguments.iter().enumerate() {
            let slot = match name {
                Some(name) => names.iter().find(|known| known.eq_ignore_ascii_case(name)),
                None => names.get(position),
            };
            match slot {
                Some(slot) => read.values.push((slot, value)),
                None => return Err(read.refuse(&format!("{} is not an argument", name.as_deref().unwrap_or("one more value")))),
            }
        }
        Ok(read)
    }

    fn refuse(&self, problem: &str) -> QueryError {
        QueryError::Argument { function: self.function.into(), problem: problem.into(), signature: self.usage.into() }
    }

    fn value(&self, name: &str) -> Option<&'a ScalarValue> {
        self.values.iter().find(|(known, value)| *known == name && !value.is_null()).map(|(_, value)| *value)
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, QueryError> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => match value.try_as_str() {
                Some(Some(text)) => Ok(Some(text)),
                _ => Err(self.refuse(&format!("{name} must be text"))),
            },
        }
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, QueryError> {
        match self.value(name) {
            Some(ScalarValue::TimestampMicrosecond(Some(time), _)) => Ok(Some(from_micros(*time))),
            Some(ScalarValue::TimestampNanosecond(Some(time), _)) => Ok(Some(from_micros(*time / 1000))),
            _ => self.text(name)?.map(parse_time).transpose().map_err(|error| self.refuse(&error.to_string())),
        }
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
