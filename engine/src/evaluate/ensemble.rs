//! The ensemble: what all candidates say of one origin, weighed, corrected and guarded.
//!
//! In: outlooks of the models at an origin; later, truths. Out: a [`Said`] with the rows of every candidate and of their aggregate;
//! after [`Ensemble::settle`], better bands, weights, corrections and scores. Fits no model and knows no clock.

mod reasons;
mod standing;

pub(super) use reasons::Reason;
pub(super) use standing::weeks;

use super::board::{Board, Yardstick};
use super::gate::Gate;
use crate::domain::Quantile;
use crate::features::TargetKind;
use crate::models::{Bands, Conformal, Experts, Ground, Leads, Mixture, Outlook, Rarity, mixture, slope};
use serde::{Deserialize, Serialize};

/// The mixtures of paths: name and half-life of what they know, days.
pub(super) const MIXTURES: [(&str, f64); 2] = [("mixture", 45.0), ("mixture_recent", 8.0)];
/// Name of the aggregate of all candidates.
pub(super) const AGGREGATE: &str = "aggregate";
/// Share of the aggregate's own mean in the mean that is served; the rest is the mixture's. The one knows all candidates and what the
/// bands say of skew, the other weighs for squared error.
const AGGREGATE_SHARE: f64 = 0.75;

/// From this lead on only regressions speak of a feast: weights that were learnt on other days say nothing about who knows it.
const FEAST_LEAD_HOURS: usize = 6;

/// What was said at one origin; rows are flat, `step × quantiles + quantile`.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) origin: usize,
    /// Steps whose truth has been looked at.
    pub(super) settled: usize,
    ground: Vec<Ground>,
    bounds: (f64, f64),
    /// Models, then mixtures.
    paths: Vec<Option<Vec<f64>>>,
    rows: Vec<Option<Vec<f64>>>,
    /// The aggregate, corrected, before the gate.
    aggregate: Option<Vec<f64>>,
    /// Its mean, after the gate.
    pub(super) mean: Vec<f64>,
    /// Errors of that mean as they become known.
    pub(super) errors: Vec<f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ensemble {
    pub(super) leads: Leads,
    pub(super) yardstick: Yardstick,
    pub(super) boards: Vec<Board>,
    hour: usize,
    day: usize,
    models: usize,
    /// Which models are regressions on a long past, of a load; nobody else knows feasts.
    regressions: Vec<bool>,
    bands: Vec<Bands>,
    mixtures: Vec<Mixture>,
    experts: Experts,
    conformal: Conformal,
}

impl Ensemble {
    /// For `regressions.len()` models, of which those are regressions; `weeks` as [`weeks`] says.
    pub(super) fn new(
        kind: TargetKind,
        regressions: &[bool],
        horizon: usize,
        (hour, day): (usize, usize),
        quantiles: &[Quantile],
        weeks: f64,
    ) -> Self {
        let leads = Leads::new(horizon, hour);
        let models = regressions.len();
        let count = models + MIXTURES.len();
        let factor = standing::mixtures_factor(weeks);
        Self {
            yardstick: Yardstick::new(quantiles),
            boards: vec![Board::new(leads.len()); count + 1],
            hour,
            day,
            models,
            regressions: if kind == TargetKind::Load { regressions.to_vec() } else { Vec::new() },
            bands: vec![Bands::new(kind, hour, quantiles); count],
            mixtures: MIXTURES.map(|(_, half_life)| Mixture::new(models, factor * half_life)).into(),
            experts: Experts::new(
                standing::prior(regressions, weeks),
                leads.len(),
                quantiles.len(),
                standing::experts_days(kind, weeks),
            ),
            conformal: Conformal::new(kind, &leads, quantiles),
            leads,
        }
    }

    /// Makes bands of what was learnt; once a day is often enough.
    pub(super) fn tabulate(&mut self) {
        self.bands.iter_mut().for_each(Bands::tabulate);
    }

    /// Drops what is only needed to learn.
    pub(super) fn settled(&mut self) {
        self.bands.iter_mut().for_each(Bands::settle);
    }

    /// Rows of all candidates and of the aggregate.
    pub(super) fn say(
        &self,
        origin: usize,
        ground: Vec<Ground>,
        bounds: (f64, f64),
        outlooks: Vec<Option<Outlook>>,
        gate: &Gate,
    ) -> Said {
        let q = self.yardstick.width();
        let horizon = ground.len();
        let mut rows: Vec<Option<Vec<f64>>> = Vec::with_capacity(self.bands.len());
        let mut paths: Vec<Option<Vec<f64>>> = Vec::with_capacity(self.bands.len());
        for outlook in outlooks {
            let (path, own) = outlook.map_or((None, None), |outlook| (Some(outlook.path), outlook.quantiles));
            rows.push(own.map(|own| {
                let mut flat = own.concat();
                flat.chunks_mut(q).for_each(|row| row.sort_by(f64::total_cmp));
                flat
            }));
            paths.push(path);
        }
        for mixing in &self.mixtures {
            let known: Vec<Option<&[f64]>> = paths.iter().take(self.models).map(Option::as_deref).collect();
            let present: Vec<bool> = known.iter().map(Option::is_some).collect();
            let path = mixing.weights(&present).map(|weights| mixture(&weights, &known, horizon, self.hour));
            paths.push(path);
            rows.push(None);
        }
        for ((bands, row), path) in self.bands.iter().zip(&mut rows).zip(&paths) {
            if row.is_none() && bands.is_fitted() {
                *row = path.as_ref().map(|path| {
                    let mut flat = Vec::with_capacity(horizon * q);
                    path.iter().enumerate().for_each(|(k, value)| bands.quantiles(k, *value, ground[k], &mut flat));
                    flat
                });
            }
            for value in row.iter_mut().flatten() {
                *value = value.clamp(bounds.0, bounds.1);
            }
        }
        let mut said = Said {
            origin,
            settled: 0,
            ground,
            bounds,
            paths,
            rows,
            aggregate: None,
            mean: Vec::new(),
            errors: vec![f64::NAN; horizon],
        };
        self.aggregate(&mut said);
        said.mean = self.mean(&said, gate);
        said
    }

    fn aggregate(&self, said: &mut Said) {
        let present: Vec<bool> = said.rows.iter().map(Option::is_some).collect();
        if !present.contains(&true) {
            return;
        }
        let q = self.yardstick.width();
        let mut flat = Vec::with_capacity(said.ground.len() * q);
        let mut row = vec![0.0; q];
        for bucket in 0..self.leads.len() {
            let weights = self.experts.weights(bucket, &present);
            let (from, to) = self.leads.range(bucket);
            let feast = self.feast_weights(said, bucket, &present);
            for k in from..to {
                weigh(at(said, k, &weights, feast.as_ref()), said, k, &mut row);
                self.conformal.correct(k, said.ground[k], &mut row, said.bounds);
                flat.extend_from_slice(&row);
            }
        }
        said.aggregate = Some(flat);
    }

    /// Weights at the steps of a feast; `None` where there is none in the bucket, or they are those of other days.
    fn feast_weights(&self, said: &Said, bucket: usize, present: &[bool]) -> Option<Vec<Vec<f64>>> {
        let (from, to) = self.leads.range(bucket);
        if from < FEAST_LEAD_HOURS * self.hour || said.ground[from..to].iter().all(|ground| ground.rarity != Rarity::Feast) {
            return None;
        }
        let telling: Vec<bool> =
            present.iter().enumerate().map(|(i, here)| *here && self.regressions.get(i) == Some(&true)).collect();
        telling.contains(&true).then(|| self.experts.weights(bucket, &telling))
    }

    /// The mean path, between that of the aggregate's quantiles and that of the mixture, whose weights minimise squared error; where the
    /// gate holds the aggregate back, the mean of the best naive's quantiles. Empty while nothing was learnt.
    fn mean(&self, said: &Said, gate: &Gate) -> Vec<f64> {
        let q = self.yardstick.width();
        let Some((aggregate, path)) = said.aggregate.as_ref().zip(said.paths[self.models].as_ref()) else { return Vec::new() };
        let parts = parts(self.yardstick.probabilities());
        let mean = |(k, value): (usize, &f64)| {
            if said.ground[k].scale <= 0.0 {
                return 0.0;
            }
            let average = |rows: &[f64]| rows[k * q..(k + 1) * q].iter().sum::<f64>() / q as f64;
            let value = parts.as_ref().map_or(*value, |parts| {
                let own: f64 = parts.iter().zip(&aggregate[k * q..]).map(|(part, value)| part * value).sum();
                AGGREGATE_SHARE * own + (1.0 - AGGREGATE_SHARE) * value
            });
            let served = match gate.at(&self.leads, k) {
                (share, Some(naive)) if share < 1.0 => {
                    said.rows[naive].as_ref().map_or(value, |rows| share * value + (1.0 - share) * average(rows))
                }
                _ => value,
            };
            served.clamp(said.bounds.0, said.bounds.1)
        };
        path.iter().enumerate().map(mean).collect()
    }

    /// The rows to serve: the aggregate's, the best naive's where the gate says so, and the path of the first model that has one
    /// where nothing was learnt yet. `None` when no model could say anything.
    pub(super) fn served(&self, said: &Said, gate: &Gate) -> Option<Vec<Vec<f64>>> {
        let q = self.yardstick.width();
        let Some(aggregate) = said.aggregate.as_ref() else {
            let path = said.paths.iter().flatten().next()?;
            return Some(path.iter().map(|v| vec![v.clamp(said.bounds.0, said.bounds.1); q]).collect());
        };
        let row = |k: usize| {
            let own = &aggregate[k * q..(k + 1) * q];
            match gate.at(&self.leads, k) {
                (share, Some(naive)) if share < 1.0 => {
                    let other = said.rows[naive].as_ref().map_or(own, |rows| &rows[k * q..(k + 1) * q]);
                    own.iter().zip(other).map(|(a, b)| share * a + (1.0 - share) * b).collect()
                }
                _ => own.to_vec(),
            }
        };
        Some((0..said.ground.len()).map(row).collect())
    }

    /// Lets what is known fade until `day`.
    pub(super) fn fade(&mut self, day: f64) {
        self.mixtures.iter_mut().for_each(|mixture| mixture.fade(day));
        self.bands.iter_mut().for_each(|bands| bands.fade(day));
        self.boards.iter_mut().for_each(|board| board.fade(day));
        self.experts.fade(day);
        self.conformal.fade(day);
    }

    /// Learns from the truths of the steps before `to` that were not looked at yet.
    pub(super) fn settle(&mut self, said: &mut Said, to: usize, truth: impl Fn(usize) -> f64) {
        let (from, to) = (said.settled, to.min(said.ground.len()));
        if from >= to {
            return;
        }
        let present: Vec<bool> = said.rows.iter().map(Option::is_some).collect();
        for bucket in self.leads.of(from)..=self.leads.of(to - 1) {
            let (first, end) = self.leads.range(bucket);
            let known: Vec<(usize, f64)> =
                (first.max(from)..end.min(to)).map(|k| (k, truth(k))).filter(|(_, y)| y.is_finite()).collect();
            if known.is_empty() {
                continue;
            }
            self.score(said, bucket, &known);
            if present.contains(&true) {
                self.weigh_again(said, bucket, &known, &present);
            }
        }
        let mut errors = vec![f64::NAN; self.models];
        for k in from..to {
            let y = truth(k);
            if !y.is_finite() {
                continue;
            }
            said.errors[k] = said.mean.get(k).map_or(f64::NAN, |mean| y - mean);
            for (error, path) in errors.iter_mut().zip(&said.paths) {
                *error = path.as_ref().map_or(f64::NAN, |path| y - path[k]);
            }
            self.mixtures.iter_mut().for_each(|mixture| mixture.push(k, self.hour, &errors));
            for (bands, path) in self.bands.iter_mut().zip(&said.paths) {
                if let Some(path) = path {
                    bands.push(k, said.ground[k], path[k], y);
                }
            }
        }
        said.settled = to;
    }

    /// Scores of what was said then, as it was said.
    fn score(&mut self, said: &Said, bucket: usize, known: &[(usize, f64)]) {
        let q = self.yardstick.width();
        // A race is scored when there is one: naives alone would fill their boards before the others can run.
        if said.aggregate.is_none() || said.rows.iter().filter(|rows| rows.is_some()).count() <= 2 {
            return;
        }
        for (board, rows) in self.boards.iter_mut().zip(said.rows.iter().chain([&said.aggregate])) {
            for &(k, y) in known.iter().filter(|_| rows.is_some()) {
                let row = rows.as_ref().map_or(&[][..], |rows| &rows[k * q..(k + 1) * q]);
                board.score(bucket, y, row, &self.yardstick, said.ground[k].scale > 0.0);
            }
        }
    }

    /// How many rounds of the weights the mean loss of some steps counts as. Errors within an hour are one. News of long leads is old
    /// when it comes and overlaps with the news of the next origin: with delays of `d` rounds rates fall as `1 / sqrt(1 + d)` at least
    /// (Joulani, György and Szepesvári 2013); here as `1 / (1 + days)`.
    fn rounds(&self, bucket: usize, steps: usize) -> f64 {
        let hours = (steps as f64 / self.hour as f64).max(1.0);
        let days = self.leads.range(bucket).1 as f64 / self.day as f64;
        hours * (2.0 / (1.0 + days)).powi(2)
    }

    /// One round of the weights and of the correction, both as they are now.
    fn weigh_again(&mut self, said: &Said, bucket: usize, known: &[(usize, f64)], present: &[bool]) {
        let q = self.yardstick.width();
        let weights = self.experts.weights(bucket, present);
        let feast = self.feast_weights(said, bucket, present);
        let mut losses = vec![vec![0.0; present.len()]; q];
        let mut round = self.conformal.round();
        let mut row = vec![0.0; q];
        let share = 1.0 / known.len() as f64;
        for &(k, y) in known {
            weigh(&weights, said, k, &mut row);
            for (c, p) in self.yardstick.probabilities().iter().enumerate() {
                let slope = share * slope(*p, y, row[c]);
                for (loss, rows) in losses[c].iter_mut().zip(&said.rows) {
                    *loss += slope * rows.as_ref().map_or(0.0, |rows| rows[k * q + c]);
                }
            }
            // What was served on a feast is judged, not what it would have been on another day.
            if feast.is_some() {
                weigh(at(said, k, &weights, feast.as_ref()), said, k, &mut row);
            }
            self.conformal.correct(k, said.ground[k], &mut row, said.bounds);
            self.conformal.judge(&mut round, said.ground[k], &row, y);
        }
        let rounds = self.rounds(bucket, known.len());
        self.experts.update(bucket, present, &weights, &losses, rounds);
        self.conformal.learn(bucket, &round, self.day);
    }
}

/// Share of all probability that each quantile stands for, those at the ends for what is beyond them too; `None` where they are too few
/// or too much on one side to tell a mean.
fn parts(probabilities: &[f64]) -> Option<Vec<f64>> {
    let (first, last) = (*probabilities.first()?, *probabilities.last()?);
    let border = |at: usize| match at {
        0 => 0.0,
        at if at == probabilities.len() => 1.0,
        at => 0.5 * (probabilities[at - 1] + probabilities[at]),
    };
    (first <= 0.25 && last >= 0.75).then(|| (0..probabilities.len()).map(|at| border(at + 1) - border(at)).collect())
}

/// The weights of a step: those of a feast, where it is one and there are such.
fn at<'a>(said: &Said, k: usize, usual: &'a Vec<Vec<f64>>, feast: Option<&'a Vec<Vec<f64>>>) -> &'a [Vec<f64>] {
    feast.filter(|_| said.ground[k].rarity == Rarity::Feast).unwrap_or(usual)
}

/// Writes the weighted row of step `k`, not sorted.
fn weigh(weights: &[Vec<f64>], said: &Said, k: usize, row: &mut [f64]) {
    let q = row.len();
    row.fill(0.0);
    for (i, rows) in said.rows.iter().enumerate() {
        let Some(rows) = rows else { continue };
        for (c, cell) in row.iter_mut().enumerate() {
            *cell += weights[c][i] * rows[k * q + c];
        }
    }
}

#[cfg(test)]
mod tests;
