//! Forecast cycles: issue forecasts, fit and choose models, keep all of it in the store and the register of models.
//!
//! In: a time. Out: forecasts with notes on what was amiss, verdicts, failures. How one forecast is made is in `making`, what is kept of the
//! inputs in `prepared`, which model serves and when it is fitted anew in `serving`, issues that were missed in `missed`.

mod making;
mod missed;
mod prepared;
mod serving;

pub use missed::Missed;
pub(super) use prepared::Prepared;
pub(super) use serving::Serving;

use super::Pipeline;
use super::PipelineError;
use super::functions::scores_batch;
use super::grid_time;
use super::is_forecast_unasked;
use super::main_quantity;
use super::resolution;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::Forecast;
use crate::domain::Quantile;
use crate::domain::Quantity;
use crate::domain::Table;
use crate::domain::Timestamp;
use crate::evaluate::BacktestRequest;
use crate::evaluate::GateRequest;
use crate::evaluate::Issued;
use crate::evaluate::LeftOut;
use crate::evaluate::Served;
use crate::evaluate::Verdict;
use crate::evaluate::backtest;
use crate::store::ledger::FitReason;
use arrow::compute::concat_batches;
use futures::StreamExt;
use futures::stream;
use jiff::SignedDuration;
use making::Made;
use making::Making;
use std::future::Future;
use std::sync::Arc;

/// A model older than this is not asked, but fitted anew: that of the longest refits while candidates are judged.
const ASKED_ANEW: SignedDuration = SignedDuration::from_hours(24 * 28);

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
    /// Verdicts that were reached and stored, and why the models were fitted.
    pub verdicts: Vec<(Verdict, FitReason)>,
    /// Targets that could not be forecast or fitted, and why.
    pub failures: Vec<(AssetId, PipelineError)>,
    /// Members of sums that have no coherent forecast, and why; the others have.
    pub left_out: Vec<LeftOut>,
}

impl Pipeline {
    /// Issues the forecasts of all plants, regions and meters, as many at a time as there are cores, makes them coherent and stores
    /// them. Models are fitted where there are none.
    pub async fn forecast_cycle(&self, now: Timestamp) -> ForecastCycle {
        self.cycle_of(self.default_targets(), now).await
    }

    /// The assets whose forecasts are kept up to date, each with its main quantity.
    fn default_targets(&self) -> Vec<(Asset, Quantity)> {
        let assets = self.store.assets().into_iter().filter(|asset| is_forecast_unasked(asset, self.options.machines));
        assets.filter_map(|asset| main_quantity(asset.kind).map(|(quantity, _)| (asset, quantity))).collect()
    }

    /// Issues the forecasts of some targets, makes them coherent and stores them.
    async fn cycle_of(&self, targets: Vec<(Asset, Quantity)>, now: Timestamp) -> ForecastCycle {
        let work = |asset, quantity| async move { self.forecast_asset(asset, quantity, now).await };
        let (issued, mut cycle) = self.each(targets, work).await;
        let (issued, left_out) = self.coherent(issued).await;
        cycle.left_out = left_out;
        cycle.issued = issued.into_iter().map(|issued| issued.forecast).collect();
        // A region without a meter has the forecast of what is below it.
        let made =
            |id: &AssetId| cycle.issued.iter().any(|forecast| forecast.asset_id == *id && forecast.quantity == Quantity::LOAD);
        cycle.failures.retain(|(id, error)| !(matches!(error, PipelineError::NoHistory { .. }) && made(id)));
        if let Err(error) = self.store_forecasts(&cycle.issued).await {
            let lost: Vec<AssetId> = cycle.issued.drain(..).map(|forecast| forecast.asset_id).collect();
            tracing::error!(assets = ?lost, %error, "the forecasts of this cycle are not stored; the next cycle makes them anew");
            cycle.failures.extend(lost.into_iter().next().map(|id| (id, error)));
        }
        cycle
    }

    /// Does the same for several targets, as many at a time as there are cores; what was issued comes beside the rest.
    async fn each<F, O>(&self, targets: Vec<(Asset, Quantity)>, work: F) -> (Vec<Issued>, ForecastCycle)
    where
        F: Fn(Asset, Quantity) -> O,
        O: Future<Output = Result<(Option<Issued>, Option<(Verdict, FitReason)>), PipelineError>>,
    {
        let work = &work;
        let each = targets.into_iter().map(|(asset, quantity)| async move {
            let id = asset.id.clone();
            work(asset, quantity).await.map_err(|error| (id, error))
        });
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut outcomes = stream::iter(each).buffered(cores);
        let mut cycle = ForecastCycle::default();
        let mut issued = Vec::new();
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok((forecast, verdict)) => {
                    issued.extend(forecast);
                    cycle.verdicts.extend(verdict);
                }
                Err(failure) => cycle.failures.push(failure),
            }
        }
        (issued, cycle)
    }

    /// All forecasts of a cycle in one commit, so that nobody sees a part of them.
    async fn store_forecasts(&self, issued: &[Forecast]) -> Result<(), PipelineError> {
        let batches = issued.iter().map(Forecast::to_batch).collect::<Result<Vec<_>, _>>()?;
        if let Some(first) = batches.first() {
            let rows = concat_batches(&first.schema(), &batches)
                .map_err(|error| PipelineError::Worker { asset: "the cycle".into(), cause: error.to_string() })?;
            self.store.append_table(Table::Forecasts, rows).await?;
            self.await_truth(issued).await;
        }
        Ok(())
    }

    /// Issues; something is issued whenever anything is known. A new verdict is stored.
    async fn forecast_asset(
        &self,
        asset: Asset,
        quantity: Quantity,
        now: Timestamp,
    ) -> Result<(Option<Issued>, Option<(Verdict, FitReason)>), PipelineError> {
        let grid = resolution(&asset);
        let issue = Issue { asset, quantity, at: now, horizon: self.options.horizon, quantiles: Quantile::deciles() };
        let made = self.make(&issue, FitReason::First, true).await?;
        let fitted = made.fitted.map(|served| served.verdict().clone());
        if let Some(verdict) = &fitted {
            self.store.append_table(Table::ForecastScores, scores_batch(verdict, grid)?).await?;
        }
        Ok((Some(made.issued), fitted.map(|verdict| (verdict, FitReason::First))))
    }

    /// One forecast, not stored; the verdict comes with it when the model was fitted for it just now.
    ///
    /// # Errors
    /// [`PipelineError::NoHistory`] and whatever the models refuse.
    pub async fn issue(&self, issue: &Issue) -> Result<(Forecast, Option<Verdict>), PipelineError> {
        let made = self.make(issue, FitReason::Asked, false).await?;
        Ok((made.issued.forecast, made.fitted.map(|served| served.verdict().clone())))
    }

    /// The model that speaks in [`Pipeline::issue`] when asked the same.
    pub(super) async fn speaker(&self, issue: &Issue) -> Result<Option<Arc<Served>>, PipelineError> {
        Ok(self.make(issue, FitReason::Asked, false).await?.served)
    }

    /// Makes a forecast with the model that serves, or with one fitted for it. With `always` something simpler is issued where that fails.
    async fn make(&self, issue: &Issue, reason: FitReason, always: bool) -> Result<Made, PipelineError> {
        let grid = resolution(&issue.asset);
        let at = grid_time(issue.at, grid);
        let target = self.target(&issue.asset, &issue.quantity, at).await?;
        let key = (issue.asset.id.clone(), issue.quantity.clone());
        let usual = issue.horizon == self.options.horizon && issue.quantiles == Quantile::deciles();
        let held = if usual { self.serving_at(&key, grid, at).await? } else { None };
        // Nobody schedules the fits of what is only asked for now and then.
        let held = held.filter(|held| always || at.duration_since(held.card().fitted_at) < ASKED_ANEW);
        let failing = self.serving.failing_since(&key);
        let request = self.request(at, issue.horizon, issue.quantiles.clone());
        let making = Arc::new(Making { target: Arc::clone(&target), request, held, failing });
        let work = Arc::clone(&making);
        let made = match blocking(issue.asset.id.as_str(), move || work.forecast()).await {
            Err(error) if always => {
                tracing::warn!(asset = %issue.asset.id, %error, "the usual way to a forecast is barred");
                // Whatever stopped the usual way, also a fault of ours, must not leave a control room without a forecast.
                blocking(issue.asset.id.as_str(), move || making.fallback()).await.map_err(|_| error)?
            }
            made => made?,
        };
        if let Some(fitted) = made.fitted.as_ref().filter(|_| usual) {
            self.serve(&key, Arc::clone(fitted), reason).await;
        }
        if usual {
            self.compare(&key, &made, &target).await;
        }
        Ok(made)
    }

    /// How a model for forecasts from `now` on is fitted and judged.
    fn request(&self, now: Timestamp, horizon: SignedDuration, quantiles: Vec<Quantile>) -> GateRequest {
        GateRequest { now, horizon, quantiles, every: SignedDuration::from_hours(6) }
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

#[cfg(test)]
mod tests;
