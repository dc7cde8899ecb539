//! The trial of all candidates along time: refit, forecast, wait for the truth, calibrate, score, choose.
//!
//! In: a context and rising origins. Out: at any origin a verdict and a forecast that rest only on truth before it. Past origins
//! before the first one asked for are played first, so that errors and scores exist when it matters.

use super::EvaluateError;
use super::candidate::{Candidate, tenths};
use super::verdict::{ScoreRow, Verdict};
use crate::domain::{AssetId, Forecast, Quantile, Quantity, TimeRange, Timestamp};
use crate::features::{Context, TargetKind, View};
use crate::models::{Bands, Mixture, ModelError, Outlook, Residual, Spread, candidates, mixture, spread};
use std::{collections::VecDeque, sync::Arc};

/// Days of history kept out of the warm-up, for the first fits.
const FIRST_FIT_DAYS: usize = 45;
/// Days between calibrations of candidates that are not served.
const CALIBRATE_DAYS: usize = 7;
/// Errors older than this are forgotten, days.
const MEMORY_DAYS: usize = 150;
/// The mixtures: name and half-life of what they know, days.
const MIXTURES: [(&str, f64); 2] = [("mixture", 45.0), ("mixture_recent", 8.0)];

/// A forecast as issued, with its mean where that is more than the average of the quantiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Issued {
    /// Quantiles per step.
    pub forecast: Forecast,
    /// Expected value per step, for wind.
    pub mean: Option<Vec<f64>>,
}

#[derive(Debug, Clone)]
struct Logged {
    origin: usize,
    settled: usize,
    paths: Vec<Option<Vec<f64>>>,
    spreads: Vec<Option<Vec<Spread>>>,
    quantiles: Vec<Option<Vec<Vec<f64>>>>,
}

/// State of the trial; see the module.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    asset_id: AssetId,
    quantity: Quantity,
    horizon: usize,
    day: usize,
    hour: usize,
    kind: TargetKind,
    quantiles: Vec<Quantile>,
    candidates: Vec<Candidate>,
    mixtures: Vec<Mixture>,
    log: VecDeque<Logged>,
    cursor: usize,
    calibrated_at: Option<usize>,
    chosen: usize,
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
        let mut list: Vec<Candidate> = candidates(context.kind, !context.weather.is_empty())
            .into_iter()
            .map(|model| Candidate::new(model.name(), model.is_naive(), Some(Arc::from(model))))
            .collect();
        let count = list.len();
        list.extend(MIXTURES.map(|(name, _)| Candidate::new(name, false, None)));
        Ok(Self {
            asset_id: context.asset.id.clone(),
            quantity: context.quantity.clone(),
            horizon: context.horizon,
            day: context.day,
            hour: context.hour,
            kind: context.kind,
            quantiles: quantiles.to_vec(),
            candidates: list,
            mixtures: MIXTURES.map(|(_, half_life)| Mixture::new(count, half_life)).into(),
            log: VecDeque::new(),
            cursor: first.saturating_sub(warm_up * context.day),
            calibrated_at: None,
            chosen: 0,
            verdict: None,
        })
    }

    /// Steps of a forecast.
    pub(crate) fn horizon(&self) -> usize {
        self.horizon
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
        for (index, candidate) in self.candidates.iter_mut().enumerate() {
            candidate.residuals.clear();
            if index != self.chosen {
                candidate.bands = None;
            }
        }
        self
    }

    /// The verdict of the last `advance`.
    pub(crate) fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// A forecast at `time` by the chosen model, by the first that can where that one cannot.
    pub(crate) fn issue(&self, context: &Context, time: Timestamp) -> Result<Issued, EvaluateError> {
        let view = context.view(index(context, time)?);
        let bounds = view.bounds();
        let order = std::iter::once(self.chosen).chain(0..self.candidates.len());
        let mut failure = ModelError::too_little("every candidate", &view, 2 * self.day);
        for at in order {
            let candidate = &self.candidates[at];
            let outlook = match self.outlook(&view, at) {
                Ok(outlook) => outlook,
                Err(error) => {
                    failure = error;
                    continue;
                }
            };
            let spreads = spread(&view, &outlook.path);
            let values = self.rows(candidate, &outlook, &spreads, bounds);
            let clipped = || outlook.path.iter().map(|v| v.clamp(bounds.0, bounds.1)).collect();
            let average = || values.iter().map(|row| row.iter().sum::<f64>() / row.len() as f64).collect();
            let mean: Vec<f64> = if outlook.quantiles.is_none() { clipped() } else { average() };
            let forecast = Forecast {
                asset_id: self.asset_id.clone(),
                quantity: self.quantity.clone(),
                issue_time: time,
                valid_times: (0..self.horizon).map(|k| context.time(view.origin + k)).collect(),
                quantiles: self.quantiles.clone(),
                values,
                model: candidate.name.to_owned(),
                model_version: concat!(env!("CARGO_PKG_VERSION"), "+1").to_owned(),
            };
            return Ok(Issued { forecast, mean: (self.kind == TargetKind::Wind).then_some(mean) });
        }
        Err(failure.into())
    }

    fn outlook(&self, view: &View<'_>, at: usize) -> Result<Outlook, ModelError> {
        let candidate = &self.candidates[at];
        if candidate.model.is_some() {
            let missing = || ModelError::too_little(candidate.name, view, 2 * self.day);
            return candidate.fitted.as_ref().ok_or_else(missing)?.outlook(view, &self.quantiles);
        }
        let paths: Vec<Option<Vec<f64>>> = (0..self.models()).map(|i| self.outlook(view, i).ok().map(|o| o.path)).collect();
        self.mixed(view, at - self.models(), &paths)
    }

    fn models(&self) -> usize {
        self.candidates.len() - self.mixtures.len()
    }

    fn mixed(&self, view: &View<'_>, which: usize, paths: &[Option<Vec<f64>>]) -> Result<Outlook, ModelError> {
        let paths: Vec<Option<&[f64]>> = paths.iter().take(self.models()).map(Option::as_deref).collect();
        let present: Vec<bool> = paths.iter().map(Option::is_some).collect();
        let weights =
            self.mixtures[which].weights(&present).ok_or_else(|| ModelError::too_little(MIXTURES[which].0, view, 2 * self.day))?;
        Ok(Outlook { path: mixture(&weights, &paths, self.horizon, self.hour), quantiles: None })
    }

    fn rows(&self, candidate: &Candidate, outlook: &Outlook, spreads: &[Spread], bounds: (f64, f64)) -> Vec<Vec<f64>> {
        let step = |k: usize| match (&outlook.quantiles, &candidate.bands) {
            (Some(rows), _) => {
                let mut row: Vec<f64> = rows[k].iter().map(|v| v.clamp(bounds.0, bounds.1)).collect();
                row.sort_by(f64::total_cmp);
                row
            }
            (None, Some(bands)) => bands.quantiles(k, outlook.path[k], spreads[k], bounds),
            (None, None) => vec![outlook.path[k].clamp(bounds.0, bounds.1); self.quantiles.len()],
        };
        (0..self.horizon).map(step).collect()
    }

    /// Takes in the truth known by now, refits and calibrates what is due.
    fn ready(&mut self, view: &View<'_>) {
        self.settle(view);
        let days = |since: Option<usize>| since.map_or(usize::MAX, |at| (view.origin - at) / self.day);
        let refit = if view.known() < 365 * self.day { 14 } else { 28 };
        for candidate in &mut self.candidates {
            let Some(model) = candidate.model.as_ref().filter(|m| days(candidate.fitted_at) >= m.refit_days().unwrap_or(refit))
            else {
                continue;
            };
            // A model that could not be fitted is tried again when the usual time has passed.
            candidate.fitted_at = Some(view.origin);
            if let Ok(fitted) = model.fit(view) {
                candidate.fitted = Some(Arc::from(fitted));
            } else if let Some(longer) = model.refit_days() {
                candidate.fitted_at = (view.origin + refit * self.day).checked_sub(longer * self.day);
            }
        }
        if days(self.calibrated_at) >= CALIBRATE_DAYS {
            self.calibrated_at = Some(view.origin);
            for at in 0..self.candidates.len() {
                self.calibrate(view, at);
            }
        }
    }

    fn calibrate(&mut self, view: &View<'_>, at: usize) {
        let candidate = &mut self.candidates[at];
        let bands = Bands::fit(view, candidate.residuals.make_contiguous(), &self.quantiles);
        if bands.is_fitted() {
            candidate.bands = Some(bands);
        }
    }

    /// Issues every candidate at a past origin and keeps what it said.
    fn record(&mut self, view: &View<'_>) {
        let bounds = view.bounds();
        let models = self.models();
        let mut outlooks: Vec<Option<Outlook>> = (0..models).map(|at| self.outlook(view, at).ok()).collect();
        let paths: Vec<Option<Vec<f64>>> = outlooks.iter().map(|o| o.as_ref().map(|o| o.path.clone())).collect();
        outlooks.extend((0..self.mixtures.len()).map(|which| self.mixed(view, which, &paths).ok()));
        let mut logged = Logged { origin: view.origin, settled: 0, paths: Vec::new(), spreads: Vec::new(), quantiles: Vec::new() };
        for (candidate, outlook) in self.candidates.iter().zip(outlooks) {
            let spreads = outlook.as_ref().map(|o| spread(view, &o.path));
            let judged = outlook.as_ref().zip(spreads.as_ref()).filter(|(o, _)| o.quantiles.is_some() || candidate.bands.is_some());
            logged.quantiles.push(judged.map(|(o, s)| self.rows(candidate, o, s, bounds)));
            logged.spreads.push(spreads);
            logged.paths.push(outlook.map(|o| o.path));
        }
        self.log.push_back(logged);
    }

    /// Compares logged forecasts with the truth that has become known.
    fn settle(&mut self, view: &View<'_>) {
        let today = view.origin as f64 / self.day as f64;
        self.mixtures.iter_mut().for_each(|mixture| mixture.fade(today));
        let models = self.models();
        let (low, high) = tenths(&self.quantiles);
        let mut log = std::mem::take(&mut self.log);
        for logged in &mut log {
            let to = view.edge().saturating_sub(logged.origin).min(self.horizon);
            let judged = self.calibrated_at.is_some() && logged.quantiles.iter().filter(|q| q.is_some()).count() > 2;
            let mut errors = vec![f64::NAN; models];
            for k in logged.settled..to {
                let truth = view.value(logged.origin + k);
                if truth.is_finite() {
                    for (error, path) in errors.iter_mut().zip(&logged.paths) {
                        *error = path.as_ref().map_or(f64::NAN, |path| truth - path[k]);
                    }
                    self.mixtures.iter_mut().for_each(|mixture| mixture.push(k, self.hour, &errors));
                }
            }
            for (at, candidate) in self.candidates.iter_mut().enumerate() {
                let (Some(path), Some(spreads)) = (&logged.paths[at], &logged.spreads[at]) else { continue };
                for k in logged.settled..to {
                    let truth = view.value(logged.origin + k);
                    if !truth.is_finite() {
                        continue;
                    }
                    let Spread { state, scale } = spreads[k];
                    if scale > 0.0 {
                        let error = (truth - path[k]) / scale;
                        candidate.residuals.push_back(Residual { lead: k, index: logged.origin + k, state, error });
                    }
                    if let Some(rows) = logged.quantiles[at].as_ref().filter(|_| judged) {
                        candidate.score(logged.origin, truth, &rows[k], &self.quantiles, low.zip(high));
                    }
                }
                let oldest = view.origin.saturating_sub(MEMORY_DAYS * self.day);
                while candidate.residuals.front().is_some_and(|r| r.index < oldest) {
                    candidate.residuals.pop_front();
                }
                while candidate.scores.front().is_some_and(|s| s.origin < oldest) {
                    candidate.scores.pop_front();
                }
            }
            logged.settled = to.max(logged.settled);
        }
        log.retain(|logged| logged.settled < self.horizon);
        self.log = log;
    }

    /// The naive gate: the least pinball loss among those no worse than the best naive, also in absolute and squared error.
    fn choose(&mut self, view: &View<'_>) {
        let mut rows: Vec<(usize, ScoreRow)> = Vec::new();
        let mut window: Option<(usize, usize)> = None;
        for (at, candidate) in self.candidates.iter().enumerate() {
            if let Some(row) = candidate.row(view.origin, self.day, tenths(&self.quantiles).0.is_some()) {
                rows.push((at, row));
            }
            for score in &candidate.scores {
                let (from, to) = window.unwrap_or((score.origin, score.origin));
                window = Some((from.min(score.origin), to.max(score.origin)));
            }
        }
        let most = rows.iter().map(|(_, row)| row.steps).max().unwrap_or(0);
        rows.retain(|(at, row)| row.steps * 10 >= most * 7 && self.candidates[*at].ready());
        rows.sort_by(|a, b| a.1.score.total_cmp(&b.1.score).then(a.0.cmp(&b.0)));
        let naive = rows.iter().find(|(_, row)| row.naive).cloned();
        let least = |f: &dyn Fn(&ScoreRow) -> f64| {
            rows.iter().filter(|(_, row)| row.naive).map(|(_, row)| f(row)).fold(f64::INFINITY, f64::min)
        };
        let (mae, rmse) = (least(&|row| row.mae), least(&|row| row.rmse));
        let fair = |row: &ScoreRow| row.mae <= mae * 1.002 && row.rmse <= rmse * 1.01;
        let bar = naive.as_ref().map(|(_, row)| row.score);
        let best = rows.iter().find(|(_, row)| bar.is_some_and(|bar| row.score <= bar) && (row.naive || fair(row))).cloned();
        self.chosen = best.as_ref().map_or(0, |(at, _)| *at);
        self.calibrate(view, self.chosen);
        let fallback = self.candidates[0].name.to_owned();
        let context = view.context;
        self.verdict = Some(Verdict {
            asset_id: self.asset_id.clone(),
            quantity: self.quantity.clone(),
            evaluated_at: context.time(view.origin),
            model: best.as_ref().map_or_else(|| fallback.clone(), |(_, row)| row.model.clone()),
            best_naive: naive.as_ref().map_or(fallback, |(_, row)| row.model.clone()),
            metric: "pinball",
            score: best.as_ref().map(|(_, row)| row.score),
            naive_score: bar,
            window: window.and_then(|(from, to)| TimeRange::new(context.time(from), context.time(to + 1)).ok()),
            table: rows.into_iter().map(|(_, row)| row).collect(),
        });
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
