//! Forecast cycles: fit and choose models, issue forecasts, keep them and their verdicts in the store.

use super::Pipeline;
use super::PipelineError;
use super::circumstances::say_masked;
use super::functions::scores_batch;
use super::grid_time;
use super::interval_label;
use super::is_forecast_by_default;
use super::main_quantity;
use super::resolution;
use super::target_kind;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::Forecast;
use crate::domain::Quantile;
use crate::domain::Quantity;
use crate::domain::Table;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::evaluate::BacktestRequest;
use crate::evaluate::GateRequest;
use crate::evaluate::Served;
use crate::evaluate::Verdict;
use crate::evaluate::backtest;
use crate::evaluate::gate;
use crate::features::Target;
use crate::features::relatives;
use futures::StreamExt;
use futures::stream;
use jiff::SignedDuration;
use std::sync::Arc;

/// What a forecast is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Issue {
    /// Whose forecast.
    pub asset: Asset,
    /// Of what.
    pub quantity: Quantity,
    /// From when on; moved back to the asset's grid.
    pub at: Timestamp,
    /// How far ahead.
    pub horizon: SignedDuration,
    /// Rising probabilities.
    pub quantiles: Vec<Quantile>,
}

/// What one cycle did.
#[derive(Debug, Default)]
pub struct ForecastCycle {
    /// Forecasts that were issued and stored.
    pub issued: Vec<Forecast>,
    /// Verdicts that were reached and stored.
    pub verdicts: Vec<Verdict>,
    /// Targets that could not be forecast, and why.
    pub failures: Vec<(AssetId, PipelineError)>,
}

impl Pipeline {
    /// Fits (where needed, or everywhere with `refit`) and issues the forecasts of all plants, regions and meters, as many at a time
    /// as there are cores.
    pub async fn forecast_cycle(&self, now: Timestamp, refit: bool) -> ForecastCycle {
        let assets: Vec<Asset> = self.store.assets().into_iter().filter(is_forecast_by_default).collect();
        let each = assets.into_iter().map(|asset| async move {
            let id = asset.id.clone();
            self.forecast_asset(asset, now, refit).await.map_err(|error| (id, error))
        });
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut outcomes = stream::iter(each).buffered(cores);
        let mut cycle = ForecastCycle::default();
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(Some((forecast, verdict))) => {
                    cycle.issued.push(forecast);
                    cycle.verdicts.extend(verdict);
                }
                Ok(None) => {}
                Err(failure) => cycle.failures.push(failure),
            }
        }
        cycle
    }

    /// Issues and stores; `None` for an asset without a main quantity.
    async fn forecast_asset(
        &self,
        asset: Asset,
        now: Timestamp,
        refit: bool,
    ) -> Result<Option<(Forecast, Option<Verdict>)>, PipelineError> {
        let Some((quantity, _)) = main_quantity(asset.kind) else { return Ok(None) };
        let issue = Issue { asset, quantity, at: now, horizon: self.options.horizon, quantiles: Quantile::deciles() };
        let (forecast, verdict) = self.issue(&issue, refit).await?;
        self.store.append_table(Table::Forecasts, forecast.to_batch()?).await?;
        if let Some(verdict) = &verdict {
            self.store.append_table(Table::ForecastScores, scores_batch(verdict)?).await?;
        }
        Ok(Some((forecast, verdict)))
    }

    /// One forecast, not stored; the verdict comes with it when the model was fitted for it just now.
    ///
    /// # Errors
    /// [`PipelineError::NoHistory`] and whatever the models refuse.
    pub async fn issue(&self, issue: &Issue, refit: bool) -> Result<(Forecast, Option<Verdict>), PipelineError> {
        let at = grid_time(issue.at, resolution(&issue.asset));
        let target = self.target(&issue.asset, &issue.quantity, at).await?;
        let key = (issue.asset.id.clone(), issue.quantity.clone());
        let usual = issue.horizon == self.options.horizon && issue.quantiles == Quantile::deciles();
        let held = if refit || !usual { None } else { self.served.read().await.get(&key).cloned() };
        let every = SignedDuration::from_hours(6);
        let request = GateRequest { now: at, horizon: issue.horizon, quantiles: issue.quantiles.clone(), every };
        let work = move || -> Result<_, PipelineError> {
            let (served, fresh) = match held {
                Some(served) => (served, false),
                None => (Arc::new(gate(&target, &request)?), true),
            };
            let issued = served.issue(&target, at)?;
            let verdict = fresh.then(|| served.verdict().clone());
            Ok((issued.forecast, verdict, served))
        };
        let (forecast, verdict, served) = blocking(issue.asset.id.as_str(), work).await?;
        if usual {
            self.served.write().await.insert(key, served);
        }
        Ok((forecast, verdict))
    }

    /// Forecasts of the past, each with what was known at its origin; nothing is stored.
    ///
    /// # Errors
    /// [`PipelineError::NoHistory`] and whatever the models refuse.
    pub async fn backtest(
        &self,
        asset: &Asset,
        quantity: &Quantity,
        origins: Vec<Timestamp>,
        horizon: SignedDuration,
        quantiles: Vec<Quantile>,
    ) -> Result<Vec<Forecast>, PipelineError> {
        let last = origins.last().copied().unwrap_or(Timestamp::MIN);
        let target = self.target(asset, quantity, last).await?;
        let work = move || -> Result<_, PipelineError> {
            let request = BacktestRequest { origins, horizon, quantiles, progress: &|_, _| {} };
            Ok(backtest(&target, &request)?.forecasts.into_iter().map(|issued| issued.forecast).collect())
        };
        blocking(asset.id.as_str(), work).await
    }

    /// The verdict of the model that serves a target now, if one is fitted.
    pub async fn verdict(&self, asset: &AssetId, quantity: &Quantity) -> Option<Verdict> {
        let key = (asset.clone(), quantity.clone());
        self.served.read().await.get(&key).map(|served: &Arc<Served>| served.verdict().clone())
    }

    /// Everything a forecaster may look at, up to `at`.
    async fn target(&self, asset: &Asset, quantity: &Quantity, at: Timestamp) -> Result<Target, PipelineError> {
        let start = at.saturating_sub(self.options.history).unwrap_or(Timestamp::MIN);
        let history = TimeRange::new(start, at)?;
        let range = Some(history);
        let resolution = resolution(asset);
        let missing = || PipelineError::NoHistory { asset: asset.id.clone(), quantity: quantity.clone(), time: at };
        let set_point = (*quantity == Quantity::ACTIVE_POWER).then_some(Quantity::ACTIVE_POWER_LIMIT);
        let columns: Vec<Quantity> = std::iter::once(quantity.clone()).chain(set_point).collect();
        let mut frames = self.store.frames(std::slice::from_ref(asset), range, resolution, Some(&columns)).await?;
        let frame = frames.pop().filter(|frame| frame.column(quantity).is_some()).ok_or_else(missing)?;
        let others = relatives(asset, &self.store.assets());
        let observations = self.store.frames(&others, range, resolution, None).await?;
        let kind = target_kind(asset.kind);
        let weather = self.store.weather(&asset.id).await?;
        let circumstances = self.circumstances(asset, quantity, history).await?;
        let (quantity, interval_label) = (quantity.clone(), interval_label(asset));
        let target = Target { frame, quantity, kind, interval_label, weather, observations, circumstances };
        say_masked(&target, at);
        Ok(target)
    }
}

/// Arithmetic off the threads that serve.
pub(super) async fn blocking<T: Send + 'static>(
    asset: &str,
    work: impl FnOnce() -> Result<T, PipelineError> + Send + 'static,
) -> Result<T, PipelineError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(cause) => Err(PipelineError::Worker { asset: asset.into(), cause: cause.to_string() }),
    }
}
