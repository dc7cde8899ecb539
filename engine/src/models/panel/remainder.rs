//! What is left of a series once its seasons are gone: carried forward by regressions per lead, with quantiles.
//!
//! In: a remainder, NaN where missing, and how much of it the seasons swallowed. Out: a path that falls from the last values back to
//! the mean as fast as the remainder itself forgets, and quantiles of the errors of just these forecasts in the past. Leads are worked
//! out on a few knots and joined by straight lines; errors are standardised by the spread of their place in the first season.

use super::{Grid, LANES, dot, quantile_of};
use crate::domain::Quantile;

/// Regressors: the last value, the mean of the last hour's and the last season's values, and one that differs by lead.
const REGRESSORS: usize = 4;
/// Errors sorted per knot.
const SAMPLE: usize = 400;
/// A slope is drawn to zero as if this share of its regressor's variance were noise.
const RIDGE: f64 = 1e-3;

/// Plan and buffers of the remainder.
#[derive(Debug, Clone)]
pub(super) struct Remainder {
    length: usize,
    horizon: usize,
    period: usize,
    /// Leads worked out, from 1 to the horizon.
    knots: Vec<usize>,
    quantiles: Vec<f64>,
    /// `[regressor]`: values at each origin; the last holds the series itself, read one season before the target.
    columns: [Vec<f64>; REGRESSORS],
    spread: Vec<f64>,
    sample: Vec<f64>,
    /// `[knot][quantile]`, in spreads.
    offsets: Vec<f64>,
    /// `[knot]`: the value carried forward.
    values: Vec<f64>,
}

/// Leads 1, 2, 4, … up to half a season, then every half season: where a remainder's memory changes.
fn knots(horizon: usize, period: usize) -> Vec<usize> {
    let half = (period / 2).max(1);
    let mut knots: Vec<usize> = std::iter::successors(Some(1), |k| Some(k * 2)).take_while(|&k| k < half).collect();
    let most = 12;
    let step = half.max(horizon.saturating_sub(half).div_ceil(most).max(1));
    knots.extend((half..horizon).step_by(step));
    knots.retain(|&k| k < horizon);
    knots.push(horizon);
    knots.dedup();
    knots
}

impl Remainder {
    pub(super) fn new(grid: &Grid, quantiles: &[Quantile]) -> Self {
        let period = grid.seasons.first().copied().unwrap_or(1).min(grid.length / 2).max(1);
        let knots = knots(grid.horizon, period);
        Self {
            length: grid.length,
            horizon: grid.horizon,
            period,
            quantiles: quantiles.iter().map(|q| q.value()).collect(),
            columns: std::array::from_fn(|_| vec![0.0; grid.length]),
            spread: vec![0.0; period],
            sample: Vec::with_capacity(2 * SAMPLE),
            offsets: vec![0.0; knots.len() * quantiles.len()],
            values: vec![0.0; knots.len()],
            knots,
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(Vec::capacity).sum();
        8 * (columns
            + self.knots.capacity()
            + self.spread.capacity()
            + self.sample.capacity()
            + self.offsets.capacity()
            + self.values.capacity())
    }

    /// Learns from a remainder (its mean about zero, no gaps; `known` has them): `path[k]` gains what it brings to step `k`, rows of
    /// `bands` are the path so gained and the quantiles of its errors, `widen` times as far away.
    pub(super) fn forecast(&mut self, remainder: &[f64], known: &[f64], widen: f64, path: &mut [f64], bands: &mut [f64]) {
        self.regressors(remainder);
        self.spreads(remainder);
        let width = self.quantiles.len();
        for at in 0..self.knots.len() {
            let lead = self.knots[at];
            let slopes = self.slopes(remainder, lead);
            self.values[at] = self.apply(&slopes, self.length - 1, lead);
            if width > 0 {
                self.errors(remainder, known, &slopes, lead);
                for (cell, &quantile) in self.offsets[at * width..].iter_mut().zip(&self.quantiles) {
                    *cell = widen * quantile_of(&self.sample, quantile);
                }
            }
        }
        self.write(path, bands);
    }

    /// Fills the columns: the value, its mean over the last few steps and over the last season, as known at each origin.
    fn regressors(&mut self, remainder: &[f64]) {
        let short = (self.period / 24).clamp(2, 16);
        let [last, few, season, same] = &mut self.columns;
        same.copy_from_slice(remainder);
        last.copy_from_slice(remainder);
        for (column, width) in [(few, short), (season, self.period)] {
            let mut sum = 0.0;
            for t in 0..remainder.len() {
                sum += remainder[t] - if t >= width { remainder[t - width] } else { 0.0 };
                column[t] = sum / width.min(t + 1) as f64;
            }
        }
    }

    /// How many steps before the target the same place of the newest whole season lies.
    fn back(&self, lead: usize) -> usize {
        lead.div_ceil(self.period) * self.period
    }

    /// Least squares of the value `lead` steps on, on the regressors.
    fn slopes(&self, remainder: &[f64], lead: usize) -> [f64; REGRESSORS] {
        let back = self.back(lead);
        // Origins whose target is inside and whose season-ago value exists.
        let first = back.saturating_sub(lead);
        let Some(end) = self.length.checked_sub(lead).filter(|&end| end > first + self.period.max(LANES)) else {
            return [0.0; REGRESSORS];
        };
        let [last, few, season, same] = &self.columns;
        let columns = [&last[first..end], &few[first..end], &season[first..end], &same[first + lead - back..end + lead - back]];
        let target = &remainder[first + lead..end + lead];
        let mut matrix = [[0.0; REGRESSORS]; REGRESSORS];
        let mut right = [0.0; REGRESSORS];
        for i in 0..REGRESSORS {
            for j in 0..=i {
                matrix[i][j] = dot(columns[i], columns[j]);
                matrix[j][i] = matrix[i][j];
            }
            right[i] = dot(columns[i], target);
        }
        for (i, row) in matrix.iter_mut().enumerate() {
            row[i] *= 1.0 + RIDGE;
        }
        let mut slopes = solve(matrix, right);
        // Never more than all of what is there: the regression may not explode.
        let sum: f64 = slopes.iter().sum();
        if sum > 1.0 {
            slopes.iter_mut().for_each(|slope| *slope /= sum);
        }
        slopes
    }

    fn apply(&self, slopes: &[f64; REGRESSORS], origin: usize, lead: usize) -> f64 {
        let back = self.back(lead);
        let same = (origin + lead).checked_sub(back).map_or(0.0, |at| self.columns[3][at]);
        slopes[0] * self.columns[0][origin]
            + slopes[1] * self.columns[1][origin]
            + slopes[2] * self.columns[2][origin]
            + slopes[3] * same
    }

    /// Mean size of the remainder per place of the first season.
    fn spreads(&mut self, remainder: &[f64]) {
        let period = self.period;
        let first = self.length % period;
        self.spread.fill(0.0);
        for cycle in remainder[first..].chunks_exact(period) {
            for (spread, value) in self.spread.iter_mut().zip(cycle) {
                *spread += value.abs();
            }
        }
        let share = 1.0 / (self.length / period).max(1) as f64;
        self.spread.iter_mut().for_each(|spread| *spread *= share);
    }

    /// Sorted errors of past forecasts of that lead, in spreads of their places.
    fn errors(&mut self, remainder: &[f64], known: &[f64], slopes: &[f64; REGRESSORS], lead: usize) {
        let first = self.back(lead).saturating_sub(lead);
        let end = self.length.saturating_sub(lead);
        let mut stride = (end.saturating_sub(first) / SAMPLE).max(1);
        while stride > 1 && self.period.is_multiple_of(stride) {
            stride += 1;
        }
        self.sample.clear();
        let phase = self.period - self.length % self.period;
        for origin in (first..end).step_by(stride) {
            let target = origin + lead;
            let spread = self.spread[(target + phase) % self.period];
            if spread > 0.0 && known[target].is_finite() {
                let error = remainder[target] - self.apply(slopes, origin, lead);
                self.sample.push(error / spread);
            }
        }
        self.sample.sort_unstable_by(f64::total_cmp);
    }

    /// Joins the knots: values and quantiles of every step.
    fn write(&self, path: &mut [f64], bands: &mut [f64]) {
        let width = self.quantiles.len();
        let (mut knot, mut from) = (0, 0);
        for k in 0..self.horizon.min(path.len()) {
            let lead = k + 1;
            if lead > self.knots[knot] {
                from = knot;
                knot += 1;
            }
            let (low, high) = (self.knots[from] as f64, self.knots[knot] as f64);
            let share = if high > low { (lead as f64 - low) / (high - low) } else { 0.0 };
            path[k] += self.values[from] + share * (self.values[knot] - self.values[from]);
            let spread = self.spread[k % self.period];
            for (q, cell) in bands[k * width..(k + 1) * width].iter_mut().enumerate() {
                let (a, b) = (self.offsets[from * width + q], self.offsets[knot * width + q]);
                *cell = path[k] + spread * (a + share * (b - a));
            }
        }
    }
}

/// Solution of a symmetric positive system by elimination; a regressor without variance gets no weight.
fn solve(mut matrix: [[f64; REGRESSORS]; REGRESSORS], mut right: [f64; REGRESSORS]) -> [f64; REGRESSORS] {
    let scale = (0..REGRESSORS).map(|i| matrix[i][i]).fold(0.0, f64::max);
    let mut dead = [false; REGRESSORS];
    for i in 0..REGRESSORS {
        if matrix[i][i] <= 1e-12 * scale {
            dead[i] = true;
            continue;
        }
        for j in i + 1..REGRESSORS {
            let factor = matrix[j][i] / matrix[i][i];
            let (above, below) = matrix.split_at_mut(j);
            below[0][i..].iter_mut().zip(&above[i][i..]).for_each(|(to, from)| *to -= factor * from);
            right[j] -= factor * right[i];
        }
    }
    let mut slopes = [0.0; REGRESSORS];
    for i in (0..REGRESSORS).rev() {
        if !dead[i] {
            let known: f64 = (i + 1..REGRESSORS).map(|j| matrix[i][j] * slopes[j]).sum();
            slopes[i] = (right[i] - known) / matrix[i][i];
        }
    }
    slopes
}
