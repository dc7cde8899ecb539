//! The trial of all candidates along time: refit, forecast, wait for the truth, learn, judge.
//!
//! In: a context and rising origins. Out: at any origin a verdict and a forecast that rest only on truth before it. Past origins
//! before the first one asked for are played first, so that errors and scores exist when it matters. Refits are in `refit`, the
//! log of past forecasts in `log`, forecasts and verdicts in `issue`, what a settled trial is as bytes in `state`, why a forecast is what
//! it is in `explain`.

mod explain;
mod issue;
mod log;
mod refit;
mod state;

pub(super) use log::bounds;
pub(crate) use state::State;

use super::EvaluateError;
use super::ensemble::{AGGREGATE, Ensemble, MIXTURES, Said, weeks};
use super::gate::Gate;
use super::verdict::Verdict;
use crate::domain::{AssetId, Forecast, Quantile, Quantity, Timestamp};
use crate::features::{Context, TargetKind, WeatherLayout};
use crate::models::{FittedForecaster, Forecaster, candidates};
use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, sync::Arc};

/// Days of history kept out of the warm-up, for the first fits.
const FIRST_FIT_DAYS: usize = 45;

/// A forecast as issued, with its mean where that is more than the average of the quantiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Issued {
    /// Quantiles per step.
    pub forecast: Forecast,
    /// Expected value per step, for wind.
    pub mean: Option<Vec<f64>>,
    /// Most power per step that outages and curtailments known at the issue time leave, kW, where they lower any step; infinite
    /// elsewhere. The values and the mean are below it already.
    pub ceiling: Option<Vec<f64>>,
}

/// Errors of one past forecast, all of whose steps are over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IssuedErrors {
    /// When it was issued.
    pub issue_time: Timestamp,
    /// Truth minus the served mean per lead, kW; NaN where the truth is missing.
    pub errors: Vec<f64>,
}

/// A model of the trial and its newest fit.
#[derive(Debug, Clone)]
struct Candidate {
    name: &'static str,
    naive: bool,
    model: Arc<dyn Forecaster>,
    fitted: Option<Arc<dyn FittedForecaster>>,
    fitted_at: Option<usize>,
}

/// State of the trial; see the module.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    asset_id: AssetId,
    quantity: Quantity,
    horizon: usize,
    day: usize,
    kind: TargetKind,
    /// Weather the candidates are fitted on.
    layout: WeatherLayout,
    quantiles: Vec<Quantile>,
    candidates: Vec<Candidate>,
    /// Of the candidates, the mixtures and the aggregate.
    names: Vec<String>,
    naives: Vec<bool>,
    ensemble: Ensemble,
    gate: Gate,
    log: VecDeque<Said>,
    errors: Vec<IssuedErrors>,
    cursor: usize,
    tabulated_at: Option<usize>,
    /// First and last origin whose truth was used.
    window: Option<(usize, usize)>,
    verdict: Option<Verdict>,
}

impl Trial {
    /// Sets the cursor to the start of the warm-up, at most that many days before the first of `origins`.
    pub(crate) fn start(
        context: &Context,
        origins: &[Timestamp],
        quantiles: &[Quantile],
        warm_up_days: usize,
    ) -> Result<Self, EvaluateError> {
        let Some(&first) = origins.first().filter(|_| !quantiles.is_empty()) else {
            return Err(EvaluateError::Empty { asset: context.asset.id.to_string() });
        };
        let first = index(context, first)?;
        let view = context.view(first);
        let days = view.known() / context.day;
        let warm_up = days.saturating_sub(FIRST_FIT_DAYS).max(days / 2).min(warm_up_days);
        let candidates: Vec<Candidate> = candidates(context.kind, !context.weather.is_empty())
            .into_iter()
            .map(|model| Candidate {
                name: model.name(),
                naive: model.is_naive(),
                model: Arc::from(model),
                fitted: None,
                fitted_at: None,
            })
            .collect();
        let others = MIXTURES.map(|(name, _)| name).into_iter().chain([AGGREGATE]);
        let grid = (context.hour, context.day);
        let weeks = weeks(context.kind, context.horizon as f64 / context.day as f64, days as f64);
        let regressions: Vec<bool> = candidates.iter().map(|c| c.model.is_regression()).collect();
        Ok(Self {
            asset_id: context.asset.id.clone(),
            quantity: context.quantity.clone(),
            horizon: context.horizon,
            day: context.day,
            kind: context.kind,
            layout: context.weather.layout().clone(),
            quantiles: quantiles.to_vec(),
            names: candidates.iter().map(|c| c.name).chain(others).map(str::to_owned).collect(),
            naives: candidates.iter().map(|c| c.naive).chain([false; MIXTURES.len() + 1]).collect(),
            ensemble: Ensemble::new(context.kind, &regressions, context.horizon, grid, quantiles, weeks),
            candidates,
            gate: Gate::default(),
            log: VecDeque::new(),
            errors: Vec::new(),
            cursor: first.saturating_sub(warm_up * context.day),
            tabulated_at: None,
            window: None,
            verdict: None,
        })
    }

    /// Steps of a forecast.
    pub(crate) fn horizon(&self) -> usize {
        self.horizon
    }

    /// Sources and quantities of the weather the candidates look at.
    pub(crate) fn layout(&self) -> &WeatherLayout {
        &self.layout
    }

    /// Steps of a day.
    pub(crate) fn day(&self) -> usize {
        self.day
    }

    /// True when its forecasts have this many steps a day and in all, and these quantiles.
    pub(crate) fn speaks(&self, day: usize, horizon: usize, quantiles: &[Quantile]) -> bool {
        (self.day, self.horizon, self.quantiles.as_slice()) == (day, horizon, quantiles)
    }

    /// Plays every past origin before `time`, then readies the state for issues at `time`.
    pub(crate) fn advance(&mut self, context: &Context, time: Timestamp) -> Result<(), EvaluateError> {
        let origin = index(context, time)?;
        let now = context.view(origin);
        let known = now.known();
        if known < 2 * self.day {
            return Err(EvaluateError::TooLittle {
                asset: self.asset_id.to_string(),
                quantity: self.quantity.to_string(),
                time: time.to_string(),
                known,
                needed: 2 * self.day,
            });
        }
        // Past origins see what is known now up to their own edge, so that a history imported in bulk can be judged.
        for past in self.cursor..origin {
            if context.phases.contains(&(past % self.day)) {
                let view = now.at(past);
                self.ready(&view);
                self.record(&view);
            }
        }
        self.cursor = self.cursor.max(origin);
        self.ready(&now);
        self.choose(&now);
        Ok(())
    }

    /// Drops what is only needed to go on; a settled trial can issue.
    pub(crate) fn settled(mut self) -> Self {
        self.log.clear();
        self.ensemble.settled();
        self
    }

    /// The verdict of the last `advance`.
    pub(crate) fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// Errors of past forecasts, oldest first.
    pub(crate) fn errors(&self) -> &[IssuedErrors] {
        &self.errors
    }
}

/// Grid index of an issue time.
fn index(context: &Context, time: Timestamp) -> Result<usize, EvaluateError> {
    context.index(time).ok_or_else(|| EvaluateError::OffGrid {
        asset: context.asset.id.to_string(),
        time: time.to_string(),
        resolution: context.resolution.to_string(),
        start: context.time(0).to_string(),
    })
}
