//! What a dispatcher reads off the newest forecasts: scenarios, the risk of a ramp, the reserve a net load needs.
//!
//! In: an asset and a quantity. Out: values per step. Scenarios are those of the newest coherent cycle, which go together in time and
//! across the fleet; for a series outside it, or before the first cycle of this process, they are drawn from its stored forecast
//! alone, and [`Paths::joint`] says so. The arithmetic is `models::products`.

use super::Pipeline;
use super::PipelineError;
use super::forecasting::blocking;
use super::main_quantity;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::AssetKind;
use crate::domain::Forecast;
use crate::domain::Quantile;
use crate::domain::Quantity;
use crate::domain::Timestamp;
use crate::domain::micros;
use crate::evaluate::IssuedErrors;
use crate::models::Marginal;
use crate::models::RampRequest;
use crate::models::Ramps;
use crate::models::Reserve;
use crate::models::Sampler;
use crate::models::ScenarioRequest;
use crate::models::Scenarios;
use jiff::SignedDuration;

/// Scenarios drawn of a single series.
const SCENARIOS: usize = 400;

/// Scenarios of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    /// Whose.
    pub asset_id: AssetId,
    /// Of what.
    pub quantity: Quantity,
    /// When the forecast behind them was issued.
    pub issue_time: Timestamp,
    /// What each step is about.
    pub valid_times: Vec<Timestamp>,
    /// One series; stored unit.
    pub scenarios: Scenarios,
    /// True when they were drawn together with the rest of the fleet and add up with it.
    pub joint: bool,
}

impl Paths {
    /// Risk of a change of more than `threshold` (stored unit) within `within`, per step.
    ///
    /// # Errors
    /// [`PipelineError::Product`]: a threshold that is not positive, a window shorter than a step or as long as the forecast.
    pub fn ramps(&self, threshold: f64, within: SignedDuration) -> Result<Ramps, PipelineError> {
        let step = self.valid_times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).min().unwrap_or(1);
        let window = usize::try_from(within.as_secs() / step.max(1)).unwrap_or(0);
        Ok(crate::models::ramps(&self.scenarios, 0, &RampRequest { threshold, window })?)
    }

    /// The band between two quantiles and the reserve it asks for, per step, stored unit.
    ///
    /// # Errors
    /// [`PipelineError::Product`] when `low` is not below `high`.
    pub fn reserve(&self, low: Quantile, high: Quantile) -> Result<Vec<Reserve>, PipelineError> {
        Ok(crate::models::reserve(&self.scenarios, 0, low, high)?)
    }
}

impl Pipeline {
    /// Scenarios of the newest forecast of a series.
    ///
    /// # Errors
    /// [`PipelineError::NoForecast`] where none was issued.
    pub async fn scenarios(&self, asset: &Asset, quantity: &Quantity) -> Result<Paths, PipelineError> {
        if let Some(drawn) = self.coherence.drawn() {
            let is = |series: &&crate::models::Series| series.asset_id == asset.id && series.quantity == *quantity;
            if let Some(place) = drawn.series.iter().position(|series| is(&series)) {
                // A series may end before the others do.
                let known = (0..drawn.scenarios.steps()).take_while(|&step| drawn.scenarios.at(place, step)[0].is_finite()).count();
                if known > 0 {
                    return Ok(Paths {
                        asset_id: asset.id.clone(),
                        quantity: quantity.clone(),
                        issue_time: drawn.issue_time,
                        valid_times: drawn.valid_times[..known].to_vec(),
                        scenarios: only(&drawn.scenarios, place, known),
                        joint: true,
                    });
                }
            }
        }
        let missing = || PipelineError::NoForecast { asset: asset.id.clone(), quantity: quantity.clone() };
        let forecast = self.store.forecast(&asset.id, quantity, None).await?.ok_or_else(missing)?;
        let served = self.served.read().await.get(&(asset.id.clone(), quantity.clone())).cloned();
        let errors = served.map_or_else(Vec::new, |served| served.errors().to_vec());
        blocking(asset.id.as_str(), move || alone(forecast, &errors)).await
    }

    /// The quantity of an asset that reserves are held for: net load where it was forecast, else the main one.
    ///
    /// # Errors
    /// [`PipelineError::Store`].
    pub async fn balanced_quantity(&self, asset: &Asset) -> Result<Option<Quantity>, PipelineError> {
        if asset.kind == AssetKind::Region {
            let in_memory = self.coherence.drawn().is_some_and(|drawn| {
                drawn.series.iter().any(|series| series.asset_id == asset.id && series.quantity == Quantity::NET_LOAD)
            });
            if in_memory || self.store.forecast(&asset.id, &Quantity::NET_LOAD, None).await?.is_some() {
                return Ok(Some(Quantity::NET_LOAD));
            }
        }
        Ok(main_quantity(asset.kind).map(|(quantity, _)| quantity))
    }
}

fn only(all: &Scenarios, place: usize, steps: usize) -> Scenarios {
    let mut own = Scenarios::empty(1, steps, all.count());
    for step in 0..steps {
        own.at_mut(0, step).copy_from_slice(all.at(place, step));
    }
    own
}

/// Scenarios of one forecast; past errors of its model, where known, say how its steps go together.
fn alone(forecast: Forecast, errors: &[IssuedErrors]) -> Result<Paths, PipelineError> {
    let spacing =
        forecast.valid_times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs_f64()).fold(f64::NAN, f64::min);
    let over = |past: &&IssuedErrors| past.issue_time < forecast.issue_time;
    let errors: Vec<&[f64]> = errors.iter().filter(over).map(|past| past.errors.as_slice()).collect();
    let least = forecast.values.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    // What was never forecast below zero is not drawn below it.
    let bounds = (if least >= 0.0 { 0.0 } else { f64::NEG_INFINITY }, f64::INFINITY);
    let marginals = [Marginal { rows: &forecast.values, errors: &errors, bounds }];
    let half_life_steps = if spacing > 0.0 { 6.0 * 3600.0 / spacing } else { 1.0 };
    let request = ScenarioRequest { count: SCENARIOS, seed: micros(forecast.issue_time).unsigned_abs(), half_life_steps };
    let scenarios = Sampler::new(&marginals, &forecast.quantiles, &request)?.scenarios();
    Ok(Paths {
        asset_id: forecast.asset_id,
        quantity: forecast.quantity,
        issue_time: forecast.issue_time,
        valid_times: forecast.valid_times,
        scenarios,
        joint: false,
    })
}
