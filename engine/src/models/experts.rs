//! Online aggregation of experts: Bernstein online aggregation of several forecasts, per bucket of leads and per column.
//!
//! In: what each expert said of the quantiles of a step and, later, the truth. Out: weights, non-negative with sum one.
//! Wintenberger (2017), Machine Learning 106, "Optimal learning with Bernstein online aggregation", algorithm with several
//! adaptive learning rates, as in EDF's `opera`; losses are linearised at the aggregate (the gradient trick), so that the regret
//! is against the best fixed mixture, not only the best expert. Absent experts sleep: their share goes to the others and they
//! win and lose nothing. What was learnt fades, because grids change.

use serde::{Deserialize, Serialize};

/// Slope of the pinball loss of probability `p` at `forecast`; none where it has its corner.
pub fn slope(p: f64, truth: f64, forecast: f64) -> f64 {
    if forecast == truth { 0.0 } else { (if truth < forecast { 1.0 } else { 0.0 }) - p }
}

/// Weights of one column of one bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cell {
    /// Cumulative second-order losses `L` of the paper, relative to the aggregate.
    losses: Vec<f64>,
    /// Sums of squared relative losses.
    squares: Vec<f64>,
    /// Largest relative loss seen.
    largest: Vec<f64>,
}

/// Weights of all buckets and columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experts {
    prior: Vec<f64>,
    width: usize,
    cells: Vec<Cell>,
    half_life_days: f64,
    upto: f64,
}

impl Experts {
    /// For experts that start with the shares `prior` (positive, with sum one), `buckets` of leads and `width` columns; what is learnt
    /// weighs half after `half_life_days`.
    pub fn new(prior: Vec<f64>, buckets: usize, width: usize, half_life_days: f64) -> Self {
        let count = prior.len();
        let cell = Cell { losses: vec![0.0; count], squares: vec![0.0; count], largest: vec![0.0; count] };
        // With several buckets one more stands for all leads.
        let places = if buckets > 1 { buckets + 1 } else { buckets };
        Self { prior, cells: vec![cell; places * width], width, half_life_days, upto: 0.0 }
    }

    /// Lets what is known fade until `day` (days since any start).
    pub fn fade(&mut self, day: f64) {
        let factor = 0.5_f64.powf((day - self.upto).max(0.0) / self.half_life_days);
        self.upto = self.upto.max(day);
        for cell in &mut self.cells {
            cell.losses.iter_mut().chain(&mut cell.squares).for_each(|sum| *sum *= factor);
        }
    }

    /// Weights `[column][expert]` of a bucket among the experts `present`; all zero when none is. A bucket starts half from the
    /// prior, half from what was learnt over all leads, so that a bucket of few steps need not learn all by itself.
    pub fn weights(&self, bucket: usize, present: &[bool]) -> Vec<Vec<f64>> {
        let width = self.width;
        let awake: f64 = self.prior.iter().zip(present).filter(|(_, awake)| **awake).map(|(share, _)| share).sum();
        let first = self.prior.iter().zip(present).map(|(share, here)| if *here { share / awake } else { 0.0 });
        let first: Vec<f64> = first.collect();
        let one = |column: usize| {
            let own = &self.cells[bucket * width + column];
            match self.cells.get((self.cells.len() / width - 1) * width + column).filter(|_| self.cells.len() > width) {
                Some(all) => {
                    let prior = self.shares(all, present, &first);
                    let prior: Vec<f64> = prior.iter().zip(&first).map(|(all, first)| 0.5 * (all + first)).collect();
                    self.shares(own, present, &prior)
                }
                None => self.shares(own, present, &first),
            }
        };
        (0..width).map(one).collect()
    }

    fn rate(&self, cell: &Cell, expert: usize) -> f64 {
        let prior = -self.prior[expert].min(0.5).ln();
        let (largest, squares) = (cell.largest[expert], cell.squares[expert]);
        if largest > 0.0 && squares > 0.0 {
            // The bound on the losses is the next power of two, so that rates change seldom.
            (1.0 / (2.0 * largest.log2().ceil().exp2())).min((prior / squares).sqrt())
        } else {
            f64::INFINITY
        }
    }

    fn shares(&self, cell: &Cell, present: &[bool], prior: &[f64]) -> Vec<f64> {
        let awake = |i: &usize| present[*i];
        // Experts that never lost or won anything get the rate of the boldest of the others: their exponent is zero anyway.
        let rates: Vec<f64> = (0..self.prior.len()).map(|i| self.rate(cell, i)).collect();
        let boldest = rates.iter().copied().filter(|rate| rate.is_finite()).fold(0.0, f64::max);
        let rate = |i: usize| if rates[i].is_finite() { rates[i] } else { boldest.max(f64::MIN_POSITIVE) };
        let powers: Vec<f64> = (0..self.prior.len()).map(|i| prior[i].ln() + rate(i).ln() - rate(i) * cell.losses[i]).collect();
        let top = (0..self.prior.len()).filter(awake).map(|i| powers[i]).fold(f64::NEG_INFINITY, f64::max);
        let mut shares = vec![0.0; self.prior.len()];
        for i in (0..self.prior.len()).filter(awake) {
            shares[i] = (powers[i] - top).exp();
        }
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum.max(f64::MIN_POSITIVE));
        shares
    }

    /// One round: `losses[column][expert]` are linearised losses (slope at the aggregate times what the expert said), `weights`
    /// those of [`Experts::weights`] the aggregate was made with. It counts as
    /// `rounds` rounds.
    pub fn update(&mut self, bucket: usize, present: &[bool], weights: &[Vec<f64>], losses: &[Vec<f64>], rounds: f64) {
        let (width, all) = (self.width, self.cells.len() / self.width - 1);
        for (column, (weights, losses)) in weights.iter().zip(losses).enumerate() {
            let aggregate: f64 = (0..self.prior.len()).filter(|&i| present[i]).map(|i| weights[i] * losses[i]).sum();
            for i in (0..self.prior.len()).filter(|&i| present[i] && losses[i].is_finite()) {
                self.lose(bucket * width + column, i, losses[i] - aggregate, rounds);
                if all > bucket {
                    self.lose(all * width + column, i, losses[i] - aggregate, rounds);
                }
            }
        }
    }

    /// What an expert lost to the aggregate in a round, counted `rounds` times.
    fn lose(&mut self, place: usize, expert: usize, loss: f64, rounds: f64) {
        let held = self.rate(&self.cells[place], expert);
        let cell = &mut self.cells[place];
        cell.largest[expert] = cell.largest[expert].max(loss.abs());
        cell.squares[expert] += rounds * loss * loss;
        let largest = cell.largest[expert];
        let bound = if largest > 0.0 { 2.0 * largest.log2().ceil().exp2() } else { 0.0 };
        let rate = if held.is_finite() { held } else { self.rate(&self.cells[place], expert) };
        let rate = if rate.is_finite() { rate } else { 0.0 };
        let jump = if rate * loss > 0.5 { bound } else { 0.0 };
        self.cells[place].losses[expert] += 0.5 * rounds * (loss * (1.0 + rate * loss) + jump);
    }
}

#[cfg(test)]
mod tests;
