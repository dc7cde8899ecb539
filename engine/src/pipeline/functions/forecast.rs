//! Forecasts in SQL: made now, as they were issued, or played again over the past.
//!
//! In: a pattern of assets and what is wanted. Out: rows like those of the table `forecasts`. Nothing is stored.

use super::named::Named;
use crate::domain::Asset;
use crate::domain::AssetKind;
use crate::domain::DomainError;
use crate::domain::Forecast;
use crate::domain::Quantile;
use crate::domain::Quantity;
use crate::domain::Table;
use crate::domain::Timestamp;
use crate::domain::matches;
use crate::domain::parse_duration;
use crate::pipeline::Issue;
use crate::pipeline::Pipeline;
use crate::pipeline::PipelineError;
use crate::pipeline::grid_time;
use crate::pipeline::main_quantity;
use crate::pipeline::resolution;
use crate::query::Arguments;
use crate::query::QueryError;
use crate::query::Session;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use futures::FutureExt;
use jiff::SignedDuration;
use std::sync::Arc;

/// How `forecast` is called; shown when a call is wrong.
const FORECAST: &str = "forecast(asset => 'tarfaya/*' [, quantity => 'active_power', at => '2026-01-01T00:00:00Z', horizon => 'PT48H', \
                        quantiles => [0.1, 0.5, 0.9]])";
/// How `forecast_as_of` is called.
const AS_OF: &str = "forecast_as_of(asset => 'tarfaya/*' [, issue_time => '2026-01-01T00:00:00Z', quantity => 'active_power'])";
/// How `backtest` is called.
const BACKTEST: &str = "backtest(asset => 'tarfaya', first => '2026-01-01T00:00:00Z', last => '2026-02-01T00:00:00Z' [, every => 'P1D', \
                        horizon => 'PT48H', quantity => 'active_power', quantiles => [0.1, 0.5, 0.9]])";
/// Most values one call makes.
const MOST_VALUES: usize = 2_000_000;

/// Makes the functions known to a session. `now` answers for calls that name no time.
pub(super) fn register(session: &Session, pipeline: &Pipeline, now: impl Fn() -> Timestamp + Clone + Send + Sync + 'static) {
    let shared = pipeline.clone();
    let forecast = move |arguments: Arguments| {
        let (pipeline, now) = (shared.clone(), now());
        async move { forecast_rows(&pipeline, &arguments, now).await }.boxed()
    };
    session.register_computed("forecast", FORECAST, Arc::new(forecast));
    let shared = pipeline.clone();
    let as_of = move |arguments: Arguments| {
        let pipeline = shared.clone();
        async move { as_of_rows(&pipeline, &arguments).await }.boxed()
    };
    session.register_computed("forecast_as_of", AS_OF, Arc::new(as_of));
    let shared = pipeline.clone();
    let backtest = move |arguments: Arguments| {
        let pipeline = shared.clone();
        async move { backtest_rows(&pipeline, &arguments).await }.boxed()
    };
    session.register_computed("backtest", BACKTEST, Arc::new(backtest));
}

async fn forecast_rows(pipeline: &Pipeline, arguments: &Arguments, now: Timestamp) -> Result<RecordBatch, QueryError> {
    let read = Named::read("forecast", FORECAST, &["asset", "quantity", "at", "horizon", "quantiles"], arguments)?;
    let refuse = |error: PipelineError| read.refuse(&error.to_string());
    let horizon = duration(&read, "horizon", "PT48H")?;
    let quantiles = read.quantiles("quantiles")?.unwrap_or_else(Quantile::deciles);
    let at = read.time("at")?;
    let targets = targets(pipeline, &read)?;
    bounded(&read, targets.len(), horizon, &targets, quantiles.len())?;
    let mut issued = Vec::new();
    for (asset, quantity) in targets {
        let at = match at {
            Some(at) => at,
            None => pipeline.end_of_data(&asset).await.map_err(refuse)?.unwrap_or(now),
        };
        let issue = Issue { asset, quantity, at, horizon, quantiles: quantiles.clone() };
        issued.push(pipeline.issue(&issue).await.map_err(refuse)?.0);
    }
    rows(&read, &issued)
}

async fn as_of_rows(pipeline: &Pipeline, arguments: &Arguments) -> Result<RecordBatch, QueryError> {
    let read = Named::read("forecast_as_of", AS_OF, &["asset", "issue_time", "quantity"], arguments)?;
    let issue_time = read.time("issue_time")?;
    let mut issued = Vec::new();
    for (asset, quantity) in targets(pipeline, &read)? {
        let held = pipeline.store().forecast(&asset.id, &quantity, issue_time).await;
        issued.extend(held.map_err(|error| read.refuse(&error.to_string()))?);
    }
    rows(&read, &issued)
}

async fn backtest_rows(pipeline: &Pipeline, arguments: &Arguments) -> Result<RecordBatch, QueryError> {
    let names = ["asset", "first", "last", "every", "horizon", "quantity", "quantiles"];
    let read = Named::read("backtest", BACKTEST, &names, arguments)?;
    let refuse = |error: PipelineError| read.refuse(&error.to_string());
    let needed = |name: &str| read.time(name)?.ok_or_else(|| read.refuse(&format!("{name} is missing")));
    let (first, last) = (needed("first")?, needed("last")?);
    let (every, horizon) = (duration(&read, "every", "P1D")?, duration(&read, "horizon", "PT48H")?);
    let quantiles = read.quantiles("quantiles")?.unwrap_or_else(Quantile::deciles);
    let targets = targets(pipeline, &read)?;
    let count = usize::try_from(last.duration_since(first).as_secs() / every.as_secs().max(1)).unwrap_or_default() + 1;
    bounded(&read, count.saturating_mul(targets.len()), horizon, &targets, quantiles.len())?;
    let mut issued = Vec::new();
    for (asset, quantity) in targets {
        let step = resolution(&asset);
        let mut origins = Vec::with_capacity(count);
        let mut next = grid_time(first, step);
        while next <= last && origins.len() < count {
            origins.push(next);
            next = next.checked_add(every).map_err(|error| read.refuse(&error.to_string()))?;
        }
        issued.extend(pipeline.backtest(&asset, &quantity, origins, horizon, quantiles.clone()).await.map_err(refuse)?);
    }
    rows(&read, &issued)
}

/// The assets a pattern names, each with the quantity asked for or its main one. A pattern passes over assets without one.
pub(super) fn targets(pipeline: &Pipeline, read: &Named<'_>) -> Result<Vec<(Asset, Quantity)>, QueryError> {
    let pattern = read.text("asset")?.ok_or_else(|| read.refuse("the asset is missing"))?;
    let wanted = read.text("quantity")?.map(|name| pipeline.store().quantities().get(name).map(|found| found.0.clone()));
    let wanted = wanted.transpose().map_err(|error: DomainError| read.refuse(&error.to_string()))?;
    let quantity = |asset: &Asset| wanted.clone().or_else(|| main_quantity(asset.kind).map(|(quantity, _)| quantity));
    if !pattern.contains(['*', '?']) {
        let asset = pipeline.asset(pattern).map_err(|error| read.refuse(&error.to_string()))?;
        let quantity = quantity(&asset).ok_or_else(|| read.refuse("this kind of asset needs a quantity"))?;
        if is_sum(&asset, &quantity) {
            return Err(read.refuse(&format!(
                "{quantity} of {} is the sum of other forecasts: read it in the table forecasts, where each cycle leaves it, or ask for its parts",
                asset.id
            )));
        }
        return Ok(vec![(asset, quantity)]);
    }
    let mut found: Vec<(Asset, Quantity)> = pipeline
        .store()
        .assets()
        .into_iter()
        .filter(|asset| matches(pattern, asset.id.as_str()))
        .filter_map(|asset| quantity(&asset).map(|quantity| (asset, quantity)))
        .collect();
    found.sort_by(|a, b| a.0.id.cmp(&b.0.id));
    if found.is_empty() {
        return Err(read.refuse(&format!("no asset matches {pattern:?}; SELECT id FROM assets lists them")));
    }
    Ok(found)
}

/// Sums of a region that no meter measures and no model makes.
fn is_sum(asset: &Asset, quantity: &Quantity) -> bool {
    asset.kind == AssetKind::Region && [Quantity::NET_LOAD, Quantity::WIND_POWER, Quantity::SOLAR_POWER].contains(quantity)
}

pub(super) fn duration(read: &Named<'_>, name: &str, usual: &str) -> Result<SignedDuration, QueryError> {
    let length = parse_duration(read.text(name)?.unwrap_or(usual)).map_err(|error| read.refuse(&error.to_string()))?;
    match length.is_positive() {
        true => Ok(length),
        false => Err(read.refuse(&format!("{name} must be longer than nothing"))),
    }
}

/// Refuses what would make too many values, before anything is fitted.
fn bounded(
    read: &Named<'_>,
    issues: usize,
    horizon: SignedDuration,
    targets: &[(Asset, Quantity)],
    quantiles: usize,
) -> Result<(), QueryError> {
    let steps = targets.iter().map(|(asset, _)| resolution(asset).steps_in(horizon)).max().unwrap_or_default();
    let values = issues.saturating_mul(steps).saturating_mul(quantiles);
    if values > MOST_VALUES {
        let problem = format!(
            "{values} values are more than the {MOST_VALUES} of one call; ask for fewer assets, issues, steps or quantiles"
        );
        return Err(read.refuse(&problem));
    }
    Ok(())
}

fn rows(read: &Named<'_>, issued: &[Forecast]) -> Result<RecordBatch, QueryError> {
    let batches =
        issued.iter().map(Forecast::to_batch).collect::<Result<Vec<_>, _>>().map_err(|error| read.refuse(&error.to_string()))?;
    concat_batches(&Arc::new(Table::Forecasts.base_schema()), &batches).map_err(|error| read.refuse(&error.to_string()))
}
