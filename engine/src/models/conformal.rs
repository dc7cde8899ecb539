//! Adaptive conformal correction: quantiles that follow their own record.
//!
//! In: a row of quantiles and, later, the truth. Out: the row moved and stretched so that each quantile has the share of truth
//! below it that it promises. Every quantile keeps a shift, in units of the row's own width, per bucket of leads and per state,
//! and takes a step against each miss: quantile tracking by the gradient of the pinball loss (Gibbs and Candès 2021; Angelopoulos,
//! Candès and Tibshirani 2023, "Conformal PID control"). A common width follows the coverage of the last days, so that a change of
//! regime widens all leads at once. A step of time costs a fixed number of operations; no error is kept.

use super::ground::{Ground, Rarity, state};
use super::leads::Leads;
use crate::domain::Quantile;
use crate::features::TargetKind;
use serde::{Deserialize, Serialize};

/// Kinds of days by [`Rarity`].
const RARITIES: usize = 3;
/// States a shift is kept for.
const STATES: usize = 4;
/// Steps against a miss of the bucket's and of the state's shift, in widths; the forecasts of a day ahead learn `1 + LATE` times as
/// slowly as those of the next step, because their misses are that much older when they become known.
const RATE: f64 = 0.04;
const STATE_RATE: f64 = 0.01;
const LATE: f64 = 20.0;
/// The same of solar power: half of its day ahead is night and teaches nothing, and clouds of yesterday are no fault of the forecast.
const LATE_SOLAR: f64 = 60.0;
/// Step of the logarithm of a bucket's width against a round whose truth all lay outside the 80 % band.
const STRETCH_RATE: f64 = 0.05;
/// Share of the last day's truth outside the 80 % band from which on a new regime is suspected, and how fast the logarithm of the
/// common width then grows: a day wholly outside widens all bands by a half.
const REGIME_SHARE: f64 = 0.45;
const REGIME_RATE: f64 = 0.8;
/// Step of the logarithm of the width of unusual days against a day of misses.
const UNUSUAL_RATE: f64 = 0.3;
/// Logarithm of how much wider bands are on unusual days before any was seen.
const UNUSUAL: f64 = 0.3;
/// Days after which the common width has gone back half way.
const REGIME_DAYS: f64 = 3.0;

/// The band whose coverage is watched.
const BAND: f64 = 0.8;
/// What all hours together may hold of an 80 % band: see [`Conformal::target`].
const ALL_HOURS: f64 = 0.815;

/// Shifts and widths learnt so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conformal {
    kind: TargetKind,
    leads: Leads,
    probabilities: Vec<f64>,
    /// `[bucket][1 + state][probability]`, in units of the row's width: the bucket's own shift, then that of each state.
    shifts: Vec<f64>,
    /// Logarithm of the width of each bucket.
    stretches: Vec<f64>,
    /// Logarithm of the common width, and how much wider bands are on days of each other [`Rarity`].
    widths: [f64; RARITIES],
    /// Share of the last day's truth outside the 80 % band beyond what the band promised.
    missed: f64,
    /// Share of steps that are night.
    night: f64,
    day: f64,
}

/// Sum of the misses of one round.
#[derive(Debug, Clone, Default)]
pub struct Round {
    gradients: Vec<f64>,
    counts: [f64; STATES],
    outside: [f64; RARITIES],
    dark: f64,
}

impl Conformal {
    /// No correction yet.
    pub fn new(kind: TargetKind, leads: &Leads, quantiles: &[Quantile]) -> Self {
        let probabilities: Vec<f64> = quantiles.iter().map(|q| q.value()).collect();
        let shifts = vec![0.0; leads.len() * (1 + STATES) * probabilities.len()];
        let stretches = vec![0.0; leads.len()];
        Self {
            kind,
            leads: leads.clone(),
            probabilities,
            shifts,
            stretches,
            widths: [0.0, UNUSUAL, UNUSUAL],
            missed: 0.0,
            night: 0.0,
            day: 0.0,
        }
    }

    /// Lets the common width go back towards none until `day`.
    pub fn fade(&mut self, day: f64) {
        if day > self.day {
            self.widths[0] *= 0.5_f64.powf((day - self.day) / REGIME_DAYS);
            self.day = day;
        }
    }

    /// State of a row: quarter of the day for loads, level for wind, clear-sky index for solar.
    fn place(&self, ground: Ground, middle: f64) -> usize {
        let state = state(self.kind, ground, middle);
        match self.kind {
            TargetKind::Load => ((state * STATES as f64) as usize).min(STATES - 1),
            TargetKind::Wind => [0.1, 0.3, 0.6].partition_point(|&edge| edge <= state),
            TargetKind::Solar => [0.3, 0.6, 0.9].partition_point(|&edge| edge <= state),
        }
    }

    /// The probability a quantile is held to while the sun shines. At night every band of a plant holds the truth, which is zero;
    /// were daylight held to 80 % as well, all hours together would be near 90 %. The band is one of all hours: daylight is held to
    /// what leaves [`ALL_HOURS`] of them inside, never less than half.
    fn target(&self, probability: f64) -> f64 {
        if self.kind != TargetKind::Solar {
            return probability;
        }
        let inside = ((ALL_HOURS - self.night) / (1.0 - self.night).max(0.05)).clamp(0.5, BAND);
        let (from, to) = (0.1, 0.5 - inside / 2.0);
        let side = probability.min(1.0 - probability);
        let side = if side <= from { side * to / from } else { to + (side - from) * (0.5 - to) / (0.5 - from) };
        if probability < 0.5 { side } else { 1.0 - side }
    }

    /// The row of one step, corrected: never crossing, within `bounds`, all zero at a plant's night.
    pub fn correct(&self, lead: usize, ground: Ground, row: &mut [f64], bounds: (f64, f64)) {
        if ground.scale <= 0.0 {
            row.fill(0.0);
            return;
        }
        row.sort_by(f64::total_cmp);
        let (middle, width) = self.measure(row, ground);
        let stretch = (self.stretches[self.leads.of(lead)] + self.widths[0] + self.rarely(ground.rarity)).exp();
        let (own, of_state) = self.cells(self.leads.of(lead), self.place(ground, middle));
        let said: Vec<f64> = if self.kind == TargetKind::Solar {
            self.probabilities.iter().map(|p| self.at(row, self.target(*p))).collect()
        } else {
            row.to_vec()
        };
        for (i, cell) in row.iter_mut().enumerate() {
            let shift = self.shifts[own + i] + self.shifts[of_state + i];
            *cell = middle + stretch * (said[i] - middle + width * shift);
        }
        row.sort_by(f64::total_cmp);
        if ground.doubt > 0.0 {
            let centre = self.at(row, 0.5);
            for (cell, p) in row.iter_mut().zip(&self.probabilities) {
                let doubt = ground.doubt * normal_quantile(*p);
                *cell = centre + doubt.signum() * (*cell - centre).hypot(doubt);
            }
        }
        row.iter_mut().for_each(|cell| *cell = cell.clamp(bounds.0, bounds.1));
    }

    /// Logarithm of how much wider than on usual days bands are.
    fn rarely(&self, rarity: Rarity) -> f64 {
        if rarity == Rarity::Usual { 0.0 } else { self.widths[rarity as usize] }
    }

    /// Middle and width of a sorted row.
    fn measure(&self, row: &[f64], ground: Ground) -> (f64, f64) {
        (self.at(row, 0.5), (self.at(row, 0.9) - self.at(row, 0.1)).max(0.002 * ground.scale))
    }

    /// Value of a sorted row at a probability, linear between its quantiles, flat beyond them.
    fn at(&self, row: &[f64], probability: f64) -> f64 {
        let after = self.probabilities.partition_point(|p| *p <= probability + 1e-12);
        if after == 0 || after == row.len() {
            return row[after.min(row.len() - 1)];
        }
        let (low, high) = (self.probabilities[after - 1], self.probabilities[after]);
        row[after - 1] + ((probability - low) / (high - low)).max(0.0) * (row[after] - row[after - 1])
    }

    fn cells(&self, bucket: usize, state: usize) -> (usize, usize) {
        let q = self.probabilities.len();
        let own = bucket * (1 + STATES) * q;
        (own, own + (1 + state) * q)
    }

    /// A round of misses: every step that became known of one origin and one bucket is judged before anything is learnt of it.
    pub fn round(&self) -> Round {
        Round { gradients: vec![0.0; STATES * self.probabilities.len()], ..Round::default() }
    }

    /// Adds a step to a round: `row` as [`Conformal::correct`] leaves it now.
    pub fn judge(&self, round: &mut Round, ground: Ground, row: &[f64], truth: f64) {
        if ground.scale <= 0.0 {
            round.dark += 1.0;
            return;
        }
        let state = self.place(ground, self.at(row, 0.5));
        round.counts[state] += 1.0;
        let q = row.len();
        for (i, (value, p)) in row.iter().zip(&self.probabilities).enumerate() {
            let target = self.target(*p);
            round.gradients[state * q + i] += if truth < *value {
                target - 1.0
            } else if truth > *value {
                target
            } else {
                0.0
            };
        }
        let (low, high) = (self.at(row, 0.1), self.at(row, 0.9));
        let promised = self.target(0.9) - self.target(0.1);
        round.outside[ground.rarity as usize] += (if truth < low || truth > high { 1.0 } else { 0.0 }) - (1.0 - promised);
    }

    /// Takes one step against the misses of a round in `bucket`, a part of one where the round is a part of the bucket; `steps_of_day` makes a day's misses weigh alike on every grid.
    pub fn learn(&mut self, bucket: usize, round: &Round, steps_of_day: usize) {
        let q = self.probabilities.len();
        let lit: f64 = round.counts.iter().sum();
        if lit + round.dark > 0.0 {
            let share = ((lit + round.dark) / (20.0 * steps_of_day as f64)).min(0.5);
            self.night += share * (round.dark / (lit + round.dark) - self.night);
        }
        if lit <= 0.0 {
            return;
        }
        let (from, to) = self.leads.range(bucket);
        let late = if self.kind == TargetKind::Solar { LATE_SOLAR } else { LATE };
        let late = 1.0 + late * from as f64 / steps_of_day as f64;
        let part = (lit / (to - from) as f64).min(1.0);
        for state in 0..STATES {
            let (own, of_state) = self.cells(bucket, state);
            for i in 0..q {
                let gradient = part * round.gradients[state * q + i] / lit / late;
                self.shifts[own + i] += RATE * gradient;
                self.shifts[of_state + i] += STATE_RATE * gradient;
            }
        }
        let missed = round.outside.iter().sum::<f64>() / lit;
        self.stretches[bucket] = (self.stretches[bucket] + STRETCH_RATE * part * missed).clamp(-1.5, 1.5);
        let share = (lit / steps_of_day as f64).min(1.0);
        self.missed += share * (missed - self.missed);
        let excess = (self.missed + 1.0 - BAND - REGIME_SHARE).max(0.0);
        self.widths[0] = (self.widths[0] + REGIME_RATE * share * excess).min(1.0);
        for (width, outside) in self.widths.iter_mut().zip(round.outside).skip(1) {
            *width = (*width + UNUSUAL_RATE * outside / steps_of_day as f64).clamp(-0.3, 1.2);
        }
    }
}

/// Quantile of the standard normal distribution, after Tukey's lambda with exponent 0.1349: within 0.01 between 1 and 99 %.
fn normal_quantile(p: f64) -> f64 {
    const LAMBDA: f64 = 0.1349;
    (p.powf(LAMBDA) - (1.0 - p).powf(LAMBDA)) / 0.1975
}

#[cfg(test)]
mod tests;
