//! Online aggregation of experts: Bernstein online aggregation of several forecasts, per bucket of leads and per column.
//!
//! In: what each expert said of the quantiles of a step and, later, the truth. Out: weights, non-negative with sum one.
//! Wintenberger (2017), Machine Learning 106, "Optimal learning with Bernstein online aggregation", algorithm with several
//! adaptive learning rates, as in EDF's `opera`; losses are linearised at the aggregate (the gradient trick), so that the regret
//! is against the best fixed mixture, not only the best expert. Absent experts sleep: their share goes to the others and they
//! win and lose nothing. What was learnt fades, because grids change.

/// Slope of the pinball loss of probability `p` at `forecast`; none where it has its corner.
pub fn slope(p: f64, truth: f64, forecast: f64) -> f64 {
    if forecast == truth { 0.0 } else { (if truth < forecast { 1.0 } else { 0.0 }) - p }
}

/// Weights of one column of one bucket.
#[derive(Debug, Clone, PartialEq)]
struct Cell {
    /// Cumulative second-order losses `L` of the paper, relative to the aggregate.
    losses: Vec<f64>,
    /// Sums of squared relative losses.
    squares: Vec<f64>,
    /// Largest relative loss seen.
    largest: Vec<f64>,
}

/// Weights of all buckets and columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Experts {
    count: usize,
    width: usize,
    cells: Vec<Cell>,
    half_life_days: f64,
    upto: f64,
}

impl Experts {
    /// For `count` experts, `buckets` of leads and `width` columns; what is learnt weighs half after `half_life_days`.
    pub fn new(count: usize, buckets: usize, width: usize, half_life_days: f64) -> Self {
        let cell = Cell { losses: vec![0.0; count], squares: vec![0.0; count], largest: vec![0.0; count] };
        Self { count, cells: vec![cell; buckets * width], width, half_life_days, upto: 0.0 }
    }

    /// Lets what is known fade until `day` (days since any start).
    pub fn fade(&mut self, day: f64) {
        let factor = 0.5_f64.powf((day - self.upto).max(0.0) / self.half_life_days);
        self.upto = self.upto.max(day);
        for cell in &mut self.cells {
            cell.losses.iter_mut().chain(&mut cell.squares).for_each(|sum| *sum *= factor);
        }
    }

    /// Weights `[column][expert]` of a bucket among the experts `present`; all zero when none is.
    pub fn weights(&self, bucket: usize, present: &[bool]) -> Vec<Vec<f64>> {
        let width = self.width;
        self.cells[bucket * width..(bucket + 1) * width].iter().map(|cell| self.shares(cell, present)).collect()
    }

    fn rate(&self, cell: &Cell, expert: usize) -> f64 {
        let prior = (self.count.max(2) as f64).ln();
        let (largest, squares) = (cell.largest[expert], cell.squares[expert]);
        if largest > 0.0 && squares > 0.0 {
            // The bound on the losses is the next power of two, so that rates change seldom.
            (1.0 / (2.0 * largest.log2().ceil().exp2())).min((prior / squares).sqrt())
        } else {
            f64::INFINITY
        }
    }

    fn shares(&self, cell: &Cell, present: &[bool]) -> Vec<f64> {
        let awake = |i: &usize| present[*i];
        // Experts that never lost or won anything get the rate of the boldest of the others: their exponent is zero anyway.
        let rates: Vec<f64> = (0..self.count).map(|i| self.rate(cell, i)).collect();
        let boldest = rates.iter().copied().filter(|rate| rate.is_finite()).fold(0.0, f64::max);
        let rate = |i: usize| if rates[i].is_finite() { rates[i] } else { boldest.max(f64::MIN_POSITIVE) };
        let powers: Vec<f64> = (0..self.count).map(|i| rate(i).ln() - rate(i) * cell.losses[i]).collect();
        let top = (0..self.count).filter(awake).map(|i| powers[i]).fold(f64::NEG_INFINITY, f64::max);
        let mut shares = vec![0.0; self.count];
        for i in (0..self.count).filter(awake) {
            shares[i] = (powers[i] - top).exp();
        }
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum.max(f64::MIN_POSITIVE));
        shares
    }

    /// One round: `losses[column][expert]` are linearised losses (slope at the aggregate times what the expert said), `weights`
    /// those of [`Experts::weights`] the aggregate was made with. The mean over `steps` steps counts as that many rounds.
    pub fn update(&mut self, bucket: usize, present: &[bool], weights: &[Vec<f64>], losses: &[Vec<f64>], steps: usize) {
        let (width, steps) = (self.width, steps as f64);
        for (column, (weights, losses)) in weights.iter().zip(losses).enumerate() {
            let aggregate: f64 = (0..self.count).filter(|&i| present[i]).map(|i| weights[i] * losses[i]).sum();
            for i in (0..self.count).filter(|&i| present[i]) {
                let loss = losses[i] - aggregate;
                if !loss.is_finite() {
                    continue;
                }
                let place = bucket * width + column;
                let held = self.rate(&self.cells[place], i);
                let cell = &mut self.cells[place];
                cell.largest[i] = cell.largest[i].max(loss.abs());
                cell.squares[i] += steps * loss * loss;
                let bound = if cell.largest[i] > 0.0 { 2.0 * cell.largest[i].log2().ceil().exp2() } else { 0.0 };
                let rate = if held.is_finite() { held } else { self.rate(&self.cells[place], i) };
                let rate = if rate.is_finite() { rate } else { 0.0 };
                let jump = if rate * loss > 0.5 { bound } else { 0.0 };
                self.cells[place].losses[i] += 0.5 * steps * (loss * (1.0 + rate * loss) + jump);
            }
        }
    }
}

#[cfg(test)]
mod tests;
