//! Drift: whether the errors of a served model are still those it was fitted with.
//!
//! In: each hour the day-ahead quantiles issued for it and, later, its truth. Out: an alarm when the level of the errors or their size has
//! moved. The truth's place among its quantiles is a standard normal number while the model is right, whatever the plant; what an hour
//! shares with the one before is taken out (an AR(1) filter, coefficient from the model's own past errors), and three cumulative sums with
//! slack and limit watch what is left: up, down, and away from the middle. Page (1954); Gama et al. (2014) for models on streams.
//!
//! False alarms: the limits let hours run for seven years on average until one of the sums alarms without cause, whatever they share; a shift
//! by one standard deviation is found within two days where hours are independent, later the more they share. The tests play it. Nothing is
//! fitted here.

use super::IssuedErrors;
use crate::domain::{Forecast, Quantile, Timestamp, micros};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};
use std::collections::VecDeque;

/// The shift that is to be found, standard deviations.
const SHIFT: f64 = 1.0;
/// Hours until a sum of the level alarms without cause, on average.
const SILENT_HOURS: f64 = 70_000.0;
/// Change per hour that the sum of sizes lets pass, and its limit: sizes are skewed, so the limit is beyond that of a normal number.
const SIZE_SLACK: f64 = 0.5;
const SIZE_LIMIT: f64 = 15.0;
/// Furthest place that is believed, in standard deviations.
const FARTHEST: f64 = 3.5;
/// Mean and deviation of the size of a standard normal number.
const SIZE: (f64, f64) = (0.797_884_560_802_865_4, 0.602_810_274_988_9);
/// Most that an hour may share with the one before.
const MOST_SHARED: f64 = 0.95;
/// Hours ahead of the forecasts that are watched.
const LEAD_HOURS: i64 = 24;
/// Hours after which a truth is no longer waited for.
const PATIENCE_HOURS: i64 = 72;
const HOUR: i64 = 3_600_000_000;

/// Slack and limit of the two sums of the level when hours share that much. A shift loses `√((1 − s) / (1 + s))` when what is shared is
/// taken out; half of what is left is let pass (Page 1954), and the limit gives the wanted run length, which for two sums with slack `k` and
/// limit `b − 1.166` is `(exp(2 k b) − 2 k b − 1) / 4 k²` (Siegmund 1985).
fn level(shared: f64) -> (f64, f64) {
    let slack = 0.5 * SHIFT * ((1.0 - shared) / (1.0 + shared)).sqrt();
    let run = |b: f64| ((2.0 * slack * b).exp() - 2.0 * slack * b - 1.0) / (4.0 * slack * slack);
    let (mut low, mut high) = (0.0, 1000.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if run(middle) < SILENT_HOURS { low = middle } else { high = middle }
    }
    (slack, low - 1.166)
}

/// What moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// Truth has come to lie above what is forecast.
    Higher,
    /// Below.
    Lower,
    /// Errors have become larger than forecast.
    Wider,
}

/// Place of a truth among its quantiles as a standard normal number; `None` without a truth, or where the quantiles leave no room to err.
pub fn place(quantiles: &[Quantile], row: &[f64], truth: f64) -> Option<f64> {
    let (first, last) = (*row.first()?, *row.last()?);
    if !truth.is_finite() || row.len() != quantiles.len() || row.iter().any(|v| !v.is_finite()) || last <= first {
        return None;
    }
    let p = |at: usize| quantiles[at].value();
    let (below, upto) = (row.partition_point(|q| *q < truth), row.partition_point(|q| *q <= truth));
    let middle = row[row.len() / 2];
    let probability = if upto > below {
        // On one or more of the quantiles: as likely at any of them.
        let low = if below == 0 && upto > 1 { 0.0 } else { p(below) };
        let high = if upto == row.len() && below + 1 < upto { 1.0 } else { p(upto - 1) };
        0.5 * (low + high)
    } else if below == 0 {
        p(0) * (-(first - truth) / (middle - first).max(1e-9 * (last - first))).exp()
    } else if below == row.len() {
        1.0 - (1.0 - p(below - 1)) * (-(truth - last) / (last - middle).max(1e-9 * (last - first))).exp()
    } else {
        let share = (truth - row[below - 1]) / (row[below] - row[below - 1]);
        p(below - 1) + share * (p(below) - p(below - 1))
    };
    let unit = Normal::new(0.0, 1.0).ok()?;
    Some(unit.inverse_cdf(probability.clamp(1e-6, 1.0 - 1e-6)).clamp(-FARTHEST, FARTHEST))
}

/// What the error of an hour shares with that of the hour before, from past forecasts of `hour` steps an hour: the lag-one
/// autocorrelation of day-ahead errors, 0 while there are too few.
pub fn shared(errors: &[IssuedErrors], hour: usize) -> f64 {
    let day = 24 * hour;
    let pairs = errors.iter().flat_map(|issue| {
        let own = &issue.errors;
        let from = day.min(own.len().saturating_sub(6 * hour));
        (from..(from + 6 * hour).min(own.len())).step_by(hour).filter_map(move |k| Some((own[k], *own.get(k + hour)?)))
    });
    let known: Vec<(f64, f64)> = pairs.filter(|(a, b)| a.is_finite() && b.is_finite()).collect();
    if known.len() < 48 {
        return 0.0;
    }
    let mean = known.iter().map(|(a, b)| a + b).sum::<f64>() / (2 * known.len()) as f64;
    let (mut together, mut alone) = (0.0, 0.0);
    for (a, b) in known {
        together += (a - mean) * (b - mean);
        alone += 0.5 * ((a - mean).powi(2) + (b - mean).powi(2));
    }
    if alone > 0.0 { (together / alone).clamp(0.0, MOST_SHARED) } else { 0.0 }
}

/// The watch over one served model. It can be written and read, so that a restart goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    shared: f64,
    /// Hour (since 1970) and place of the newest truth.
    last: Option<(i64, f64)>,
    higher: f64,
    lower: f64,
    wider: f64,
    /// Forecasts that wait for their truth: time of the step, microseconds, and its quantiles.
    waiting: VecDeque<(i64, Vec<f64>)>,
}

impl Watched {
    /// A watch over a model whose errors share that much from hour to hour.
    pub fn new(shared: f64) -> Self {
        let shared = shared.clamp(0.0, MOST_SHARED);
        Self { shared, last: None, higher: 0.0, lower: 0.0, wider: 0.0, waiting: VecDeque::new() }
    }

    /// Takes note of a forecast: its step a day ahead, or its last one, once per hour.
    pub fn expect(&mut self, forecast: &Forecast) {
        let wanted = micros(forecast.issue_time).saturating_add(LEAD_HOURS * HOUR);
        let steps = forecast.valid_times.iter().zip(&forecast.values);
        let step = steps.min_by_key(|(time, _)| micros(**time).saturating_sub(wanted).unsigned_abs());
        if let Some((time, row)) = step {
            let time = micros(*time);
            let newer = self.waiting.back().is_none_or(|(held, _)| held.div_euclid(HOUR) < time.div_euclid(HOUR));
            if newer && self.last.is_none_or(|(hour, _)| hour < time.div_euclid(HOUR)) {
                self.waiting.push_back((time, row.clone()));
            }
        }
    }

    /// Looks at every forecast whose truth has become known; `truth` answers for a time in microseconds.
    pub fn settle(&mut self, quantiles: &[Quantile], truth: impl Fn(i64) -> Option<f64>, now: Timestamp) -> Option<Drift> {
        let mut found = None;
        let mut kept = VecDeque::new();
        while let Some((time, row)) = self.waiting.pop_front() {
            match truth(time) {
                Some(value) => {
                    if let Some(place) = place(quantiles, &row, value) {
                        found = found.or(self.push(time.div_euclid(HOUR), place));
                    }
                }
                None if time.saturating_add(PATIENCE_HOURS * HOUR) > micros(now) => kept.push_back((time, row)),
                None => {}
            }
        }
        self.waiting = kept;
        found
    }

    /// The place of the truth of an hour. After an alarm the sums start anew.
    pub fn push(&mut self, hour: i64, place: f64) -> Option<Drift> {
        let fresh = match self.last {
            Some((before, value)) if before + 1 == hour => (place - self.shared * value) / (1.0 - self.shared.powi(2)).sqrt(),
            _ => place,
        };
        self.last = Some((hour, place));
        let (slack, limit) = level(self.shared);
        self.higher = (self.higher + fresh - slack).max(0.0);
        self.lower = (self.lower - fresh - slack).max(0.0);
        self.wider = (self.wider + (fresh.abs() - SIZE.0) / SIZE.1 - SIZE_SLACK).max(0.0);
        let found = match () {
            () if self.higher > limit => Some(Drift::Higher),
            () if self.lower > limit => Some(Drift::Lower),
            () if self.wider > SIZE_LIMIT => Some(Drift::Wider),
            () => None,
        };
        if found.is_some() {
            (self.higher, self.lower, self.wider) = (0.0, 0.0, 0.0);
        }
        found
    }
}

#[cfg(test)]
mod tests;
