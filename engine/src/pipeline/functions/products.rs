//! What dispatchers read off forecasts, in SQL: `scenarios(...)`, `ramps(...)`, `reserve(...)`.
//!
//! In: a pattern of assets and what is wanted. Out: rows per step of the newest forecast. Nothing is stored.

use super::forecast::duration;
use super::forecast::targets;
use super::named::Named;
use super::table_batch_of;
use crate::domain::DomainError;
use crate::domain::Quantile;
use crate::domain::micros;
use crate::domain::timestamp_type;
use crate::models::Ramps;
use crate::models::Reserve;
use crate::pipeline::Paths;
use crate::pipeline::Pipeline;
use crate::pipeline::PipelineError;
use crate::query::Arguments;
use crate::query::QueryError;
use crate::query::Session;
use arrow::array::Array;
use arrow::array::Float64Array;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::array::StringArray;
use arrow::array::TimestampMicrosecondArray;
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use futures::FutureExt;
use std::sync::Arc;

/// How `scenarios` is called.
const SCENARIOS: &str = "scenarios(asset => 'casablanca' [, quantity => 'net_load', count => 100])";
/// How `ramps` is called.
const RAMPS: &str = "ramps(asset => 'tarfaya' [, quantity => 'active_power'], threshold => 5000 [, within => 'PT1H'])";
/// How `reserve` is called.
const RESERVE: &str = "reserve(asset => 'casablanca' [, quantity => 'net_load', low => 0.05, high => 0.95])";
/// Scenarios of a series that are handed out unless asked for otherwise.
const USUAL: usize = 100;
/// Most values one call of `scenarios` makes.
const MOST_VALUES: usize = 2_000_000;

pub(super) fn register(session: &Session, pipeline: &Pipeline) {
    let shared = pipeline.clone();
    let scenarios = move |arguments: Arguments| {
        let pipeline = shared.clone();
        async move { scenario_rows(&pipeline, &arguments).await }.boxed()
    };
    session.register_computed("scenarios", SCENARIOS, Arc::new(scenarios));
    let shared = pipeline.clone();
    let ramps = move |arguments: Arguments| {
        let pipeline = shared.clone();
        async move { ramp_rows(&pipeline, &arguments).await }.boxed()
    };
    session.register_computed("ramps", RAMPS, Arc::new(ramps));
    let shared = pipeline.clone();
    let reserve = move |arguments: Arguments| {
        let pipeline = shared.clone();
        async move { reserve_rows(&pipeline, &arguments).await }.boxed()
    };
    session.register_computed("reserve", RESERVE, Arc::new(reserve));
}

async fn scenario_rows(pipeline: &Pipeline, arguments: &Arguments) -> Result<RecordBatch, QueryError> {
    let read = Named::read("scenarios", SCENARIOS, &["asset", "quantity", "count"], arguments)?;
    let count = read.number("count")?.unwrap_or(USUAL as f64);
    let mut batches = Vec::new();
    let mut values = 0_usize;
    for paths in paths(pipeline, &read, false).await? {
        let most = paths.scenarios.count();
        if !(count >= 1.0 && count <= most as f64 && count.fract() == 0.0) {
            return Err(read.refuse(&format!("count is {count}; {most} scenarios are drawn, ask for 1 to {most}")));
        }
        values = values.saturating_add(paths.valid_times.len().saturating_mul(count as usize));
        if values > MOST_VALUES {
            return Err(read.refuse(&format!("more than {MOST_VALUES} values; ask for fewer assets or scenarios")));
        }
        batches.push(paths_batch(&paths, count as usize).map_err(|error| read.refuse(&error.to_string()))?);
    }
    joined(&read, &batches)
}

async fn ramp_rows(pipeline: &Pipeline, arguments: &Arguments) -> Result<RecordBatch, QueryError> {
    let read = Named::read("ramps", RAMPS, &["asset", "quantity", "threshold", "within"], arguments)?;
    let refuse = |error: PipelineError| read.refuse(&error.to_string());
    let threshold = read.number("threshold")?.ok_or_else(|| read.refuse("threshold is missing: how large a change is a ramp"))?;
    let within = duration(&read, "within", "PT1H")?;
    let mut batches = Vec::new();
    for paths in paths(pipeline, &read, false).await? {
        let ramps = paths.ramps(threshold, within).map_err(refuse)?;
        batches.push(ramps_batch(&paths, &ramps).map_err(|error| read.refuse(&error.to_string()))?);
    }
    joined(&read, &batches)
}

async fn reserve_rows(pipeline: &Pipeline, arguments: &Arguments) -> Result<RecordBatch, QueryError> {
    let read = Named::read("reserve", RESERVE, &["asset", "quantity", "low", "high"], arguments)?;
    let quantile = |name: &str, usual: f64| {
        Quantile::new(read.number(name)?.unwrap_or(usual)).map_err(|error| read.refuse(&error.to_string()))
    };
    let (low, high) = (quantile("low", 0.05)?, quantile("high", 0.95)?);
    let mut batches = Vec::new();
    for paths in paths(pipeline, &read, true).await? {
        let needs = paths.reserve(low, high).map_err(|error| read.refuse(&error.to_string()))?;
        batches.push(reserve_batch(&paths, &needs).map_err(|error| read.refuse(&error.to_string()))?);
    }
    joined(&read, &batches)
}

/// Scenarios of the assets a call names; a pattern passes over those without a forecast, unless none has one. With `balanced` the
/// quantity of a region is its net load unless another was asked for.
async fn paths(pipeline: &Pipeline, read: &Named<'_>, balanced: bool) -> Result<Vec<Paths>, QueryError> {
    let refuse = |error: PipelineError| read.refuse(&error.to_string());
    let own = balanced && read.text("quantity")?.is_none();
    let (mut found, mut missing) = (Vec::new(), None);
    for (asset, quantity) in targets(pipeline, read)? {
        let quantity = if own { pipeline.balanced_quantity(&asset).await.map_err(refuse)?.unwrap_or(quantity) } else { quantity };
        match pipeline.scenarios(&asset, &quantity).await {
            Ok(paths) => found.push(paths),
            Err(error @ PipelineError::NoForecast { .. }) => missing = missing.or(Some(error)),
            Err(error) => return Err(refuse(error)),
        }
    }
    match missing {
        Some(error) if found.is_empty() => Err(refuse(error)),
        _ => Ok(found),
    }
}

fn joined(read: &Named<'_>, batches: &[RecordBatch]) -> Result<RecordBatch, QueryError> {
    let Some(first) = batches.first() else { return Err(read.refuse("no asset was named")) };
    concat_batches(&first.schema(), batches).map_err(|error| read.refuse(&error.to_string()))
}

/// Columns whose, of what, issued when, about when; `steps` names the step of each row.
fn keys(paths: &Paths, steps: &[usize]) -> Vec<(&'static str, Arc<dyn Array>)> {
    let text = |value: &str| Arc::new(StringArray::from(vec![value; steps.len()])) as Arc<dyn Array>;
    let time = |of: &dyn Fn(usize) -> i64| {
        let times = TimestampMicrosecondArray::from_iter_values(steps.iter().map(|&step| of(step)));
        Arc::new(times.with_timezone("UTC")) as Arc<dyn Array>
    };
    vec![
        ("asset_id", text(paths.asset_id.as_str())),
        ("quantity", text(paths.quantity.name())),
        ("issue_time", time(&|_| micros(paths.issue_time))),
        ("valid_time", time(&|step| micros(paths.valid_times[step]))),
    ]
}

fn batch(name: &str, columns: &[(&'static str, Arc<dyn Array>)]) -> Result<RecordBatch, DomainError> {
    let fields = columns.iter().map(|(name, column)| match column.data_type() {
        DataType::Timestamp(..) => Field::new(*name, timestamp_type(), false),
        other => Field::new(*name, other.clone(), false),
    });
    table_batch_of(name, fields.collect(), columns.iter().map(|(_, column)| Arc::clone(column)).collect())
}

fn real(values: impl Iterator<Item = f64>) -> Arc<dyn Array> {
    Arc::new(Float64Array::from_iter_values(values))
}

/// The first `count` scenarios as rows: scenario from 1, value in the stored unit.
///
/// # Errors
/// [`DomainError::Column`] when Arrow refuses the columns.
pub fn paths_batch(paths: &Paths, count: usize) -> Result<RecordBatch, DomainError> {
    let count = count.min(paths.scenarios.count());
    let steps: Vec<usize> = (0..paths.valid_times.len()).flat_map(|step| std::iter::repeat_n(step, count)).collect();
    let mut columns = keys(paths, &steps);
    let numbers = steps.iter().enumerate().map(|(row, _)| (row % count.max(1)) as i64 + 1);
    columns.push(("scenario", Arc::new(Int64Array::from_iter_values(numbers))));
    columns.push(("value", real(steps.iter().enumerate().map(|(row, &step)| paths.scenarios.at(0, step)[row % count.max(1)]))));
    batch("scenarios", &columns)
}

/// Risks of a ramp as rows: the step it would begin at, and the probabilities of a rise, of a fall, of either.
///
/// # Errors
/// [`DomainError::Column`] when Arrow refuses the columns.
pub fn ramps_batch(paths: &Paths, ramps: &Ramps) -> Result<RecordBatch, DomainError> {
    let steps: Vec<usize> = ramps.steps.iter().map(|risk| risk.step).collect();
    let mut columns = keys(paths, &steps);
    columns.push(("up", real(ramps.steps.iter().map(|risk| risk.up))));
    columns.push(("down", real(ramps.steps.iter().map(|risk| risk.down))));
    columns.push(("either", real(ramps.steps.iter().map(|risk| risk.either))));
    batch("ramps", &columns)
}

/// Reserves as rows: mean, band and what must be able to rise and to fall, stored unit.
///
/// # Errors
/// [`DomainError::Column`] when Arrow refuses the columns.
pub fn reserve_batch(paths: &Paths, needs: &[Reserve]) -> Result<RecordBatch, DomainError> {
    let steps: Vec<usize> = needs.iter().map(|need| need.step).collect();
    let mut columns = keys(paths, &steps);
    columns.push(("expected", real(needs.iter().map(|need| need.expected))));
    columns.push(("low", real(needs.iter().map(|need| need.low))));
    columns.push(("high", real(needs.iter().map(|need| need.high))));
    columns.push(("upward", real(needs.iter().map(|need| need.upward))));
    columns.push(("downward", real(needs.iter().map(|need| need.downward))));
    batch("reserve", &columns)
}
