//! One candidate of the trial: its fit, its bands, its past errors and scores.
//!
//! In: truths one by one. Out: the row of the verdict's table. Which candidate is served is not decided here.

use super::metrics::pinball_of;
use super::verdict::ScoreRow;
use crate::domain::Quantile;
use crate::models::{Bands, FittedForecaster, Forecaster, Residual};
use std::{collections::VecDeque, sync::Arc};

/// Days after which a score weighs half.
const SCORE_HALF_LIFE_DAYS: f64 = 21.0;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Score {
    pub(super) origin: usize,
    pub(super) pinball: f64,
    pub(super) absolute: f64,
    pub(super) squared: f64,
    pub(super) covered: f64,
    pub(super) steps: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) name: &'static str,
    pub(super) naive: bool,
    pub(super) model: Option<Arc<dyn Forecaster>>,
    pub(super) fitted: Option<Arc<dyn FittedForecaster>>,
    pub(super) fitted_at: Option<usize>,
    pub(super) bands: Option<Bands>,
    pub(super) residuals: VecDeque<Residual>,
    pub(super) scores: VecDeque<Score>,
}

impl Candidate {
    pub(super) fn new(name: &'static str, naive: bool, model: Option<Arc<dyn Forecaster>>) -> Self {
        let (residuals, scores) = (VecDeque::new(), VecDeque::new());
        Self { name, naive, model, fitted: None, fitted_at: None, bands: None, residuals, scores }
    }

    pub(super) fn ready(&self) -> bool {
        self.model.is_none() || self.fitted.is_some()
    }

    pub(super) fn score(&mut self, origin: usize, truth: f64, row: &[f64], quantiles: &[Quantile], band: Option<(usize, usize)>) {
        if self.scores.back().is_none_or(|score| score.origin != origin) {
            let at = self.scores.iter().rposition(|score| score.origin == origin);
            match at {
                Some(at) => {
                    if let Some(score) = self.scores.remove(at) {
                        self.scores.push_back(score);
                    }
                }
                None => self.scores.push_back(Score { origin, ..Score::default() }),
            }
        }
        let Some(score) = self.scores.back_mut() else { return };
        let losses: f64 = row.iter().zip(quantiles).map(|(f, q)| pinball_of(truth, *f, q.value())).sum();
        let middle = row[quantiles.partition_point(|q| q.value() < 0.5).min(row.len() - 1)];
        score.pinball += losses / row.len() as f64;
        score.absolute += (truth - middle).abs();
        score.squared += (truth - middle) * (truth - middle);
        if let Some((low, high)) = band {
            score.covered += if truth >= row[low] && truth <= row[high] { 1.0 } else { 0.0 };
        }
        score.steps += 1;
    }

    pub(super) fn row(&self, now: usize, day: usize, banded: bool) -> Option<ScoreRow> {
        let (mut pinball, mut absolute, mut squared, mut covered, mut total, mut steps) = (0.0, 0.0, 0.0, 0.0, 0.0, 0);
        for score in &self.scores {
            let weight = 0.5_f64.powf(now.saturating_sub(score.origin) as f64 / day as f64 / SCORE_HALF_LIFE_DAYS);
            pinball += weight * score.pinball;
            absolute += weight * score.absolute;
            squared += weight * score.squared;
            covered += weight * score.covered;
            total += weight * score.steps as f64;
            steps += score.steps;
        }
        (total > 0.0).then(|| ScoreRow {
            model: self.name.to_owned(),
            naive: self.naive,
            score: pinball / total,
            mae: absolute / total,
            rmse: (squared / total).sqrt(),
            coverage_80: banded.then_some(covered / total),
            steps,
        })
    }
}

/// Places of the 0.1 and 0.9 quantiles.
pub(super) fn tenths(quantiles: &[Quantile]) -> (Option<usize>, Option<usize>) {
    let find = |p: f64| quantiles.iter().position(|q| (q.value() - p).abs() < 1e-9);
    let (low, high) = (find(0.1), find(0.9));
    if low.is_some() && high.is_some() { (low, high) } else { (None, None) }
}
