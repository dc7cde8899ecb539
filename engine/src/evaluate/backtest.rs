//! The two ways in: a rolling backtest over origins of the past, and the gate that readies a model for live issues.
//!
//! Both run the same [`Trial`]: candidates refitted every few weeks, every forecast logged, scores and calibration taken only
//! from truth before the origin at hand.

use super::ceiling::{lowered, lowered_reasons};
use super::served::{Making, ModelCard};
use super::trial::{Issued, IssuedErrors, Trial};
use super::{EvaluateError, Explanation, Verdict};
use crate::domain::{Quantile, Timestamp};
use crate::features::{Context, Target, WeatherLayout};
use jiff::SignedDuration;

/// Days of past origins played before the first origin of a backtest.
const BACKTEST_DAYS: usize = 100;
/// The same for the gate, which judges on more origins a day and should be quick.
const GATE_DAYS: usize = 60;

/// What to forecast again.
#[derive(Clone)]
pub struct BacktestRequest<'a> {
    /// Issue times, rising.
    pub origins: Vec<Timestamp>,
    /// Longest lead; the first step is valid at the origin.
    pub horizon: SignedDuration,
    /// Rising probabilities.
    pub quantiles: Vec<Quantile>,
    /// Called with origins done and their number.
    pub progress: &'a dyn Fn(usize, usize),
}

impl std::fmt::Debug for BacktestRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BacktestRequest")
            .field("origins", &self.origins.len())
            .field("horizon", &self.horizon)
            .finish_non_exhaustive()
    }
}

/// Forecasts of every origin and the verdicts that chose their models.
#[derive(Debug, Clone, PartialEq)]
pub struct Backtest {
    /// One per origin, in their order.
    pub forecasts: Vec<Issued>,
    /// The first, and one more whenever the served model changed.
    pub verdicts: Vec<Verdict>,
}

/// Forecasts a target at each origin with what was known then.
///
/// # Errors
/// [`EvaluateError`]: no origin or quantile, an origin off the grid, less than two days of history before the first.
pub fn backtest(target: &Target, request: &BacktestRequest<'_>) -> Result<Backtest, EvaluateError> {
    let mut origins = request.origins.clone();
    origins.sort_unstable();
    origins.dedup();
    let horizon = target.frame.resolution.steps_in(request.horizon);
    let context = Context::new(target, horizon, &origins)?;
    let mut trial = Trial::start(&context, &origins, &request.quantiles, BACKTEST_DAYS)?;
    let mut forecasts = Vec::with_capacity(origins.len());
    let mut verdicts: Vec<Verdict> = Vec::new();
    for (done, &origin) in origins.iter().enumerate() {
        trial.advance(&context, origin)?;
        forecasts.push(lowered(trial.issue(&context, origin)?, target));
        if let Some(verdict) = trial.verdict().filter(|new| verdicts.last().is_none_or(|held| held.model != new.model)) {
            verdicts.push(verdict.clone());
        }
        (request.progress)(done + 1, origins.len());
    }
    Ok(Backtest { forecasts, verdicts })
}

/// What a live service needs readied.
#[derive(Debug, Clone)]
pub struct GateRequest {
    /// The moment of fitting; on the target's grid.
    pub now: Timestamp,
    /// Longest lead.
    pub horizon: SignedDuration,
    /// Rising probabilities.
    pub quantiles: Vec<Quantile>,
    /// Spacing of the past origins the candidates are judged on; 6 h is a good choice.
    pub every: SignedDuration,
}

/// A fitted, calibrated, chosen model: issue at will, refit when the verdict is a day or more old.
#[derive(Debug, Clone)]
pub struct Served {
    pub(super) trial: Trial,
    pub(super) card: ModelCard,
}

/// Fits every candidate, judges them on the past before `now`, and keeps the best.
///
/// # Errors
/// As [`backtest`].
pub fn gate(target: &Target, request: &GateRequest) -> Result<Served, EvaluateError> {
    let horizon = target.frame.resolution.steps_in(request.horizon);
    let every = request.every.as_secs().clamp(3600, 86_400);
    let phases: Vec<Timestamp> =
        (0..86_400 / every).filter_map(|i| request.now.checked_sub(SignedDuration::from_secs(i * every)).ok()).collect();
    let layout = WeatherLayout::known_at(&target.weather, request.now);
    let context = Context::laid_out(target, horizon, &phases, &layout)?.fitted_hourly();
    let mut trial = Trial::start(&context, &[request.now], &request.quantiles, GATE_DAYS)?;
    trial.advance(&context, request.now)?;
    Ok(Served::new(trial.settled(), Making::of(&context, request.now)))
}

impl Served {
    /// Why this model.
    pub fn verdict(&self) -> &Verdict {
        self.trial.verdict().expect("gate() advances the trial, which leaves a verdict")
    }

    /// A forecast from `issue_time` on, with what is known in `target` then; nothing is fitted.
    ///
    /// # Errors
    /// [`EvaluateError`] when the target has lost its column, the time is off the grid, or less than two days are known.
    pub fn issue(&self, target: &Target, issue_time: Timestamp) -> Result<Issued, EvaluateError> {
        Ok(lowered(self.issue_in(&self.context(target, issue_time)?, issue_time)?, target))
    }

    /// A target prepared for forecasts of this model at `issue_time`.
    ///
    /// # Errors
    /// [`EvaluateError::Feature`].
    pub fn context(&self, target: &Target, issue_time: Timestamp) -> Result<Context, EvaluateError> {
        Ok(Context::laid_out(target, self.trial.horizon(), &[issue_time], self.trial.layout())?)
    }

    /// As [`Served::issue`] on a target that was prepared for that time, before outages lower it.
    ///
    /// # Errors
    /// As [`Served::issue`].
    pub fn issue_in(&self, context: &Context, issue_time: Timestamp) -> Result<Issued, EvaluateError> {
        let mut issued = self.trial.issue(context, issue_time)?;
        issued.forecast.model_version.clone_from(&self.card.version);
        Ok(issued)
    }

    /// Why the forecast of [`Served::issue`] at that time says what it says: what usual level, recent past, weather and calendar give
    /// to the median of each step. Made when asked for; costs about as much as the forecast.
    ///
    /// # Errors
    /// As [`Served::issue`].
    pub fn explain(&self, target: &Target, issue_time: Timestamp) -> Result<Explanation, EvaluateError> {
        let context = self.context(target, issue_time)?;
        Ok(lowered_reasons(self.trial.explain(&context, issue_time)?, target))
    }

    /// Errors of the mean of what was (or would have been) served at past origins, oldest first, at most 200 of them: what
    /// reconciliation learns how errors go together from.
    pub fn errors(&self) -> &[IssuedErrors] {
        self.trial.errors()
    }
}
