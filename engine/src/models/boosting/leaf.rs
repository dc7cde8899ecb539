//! What the trees so far predict for every row, and what a leaf adds to it.
//!
//! In: targets, grown trees. Out: ranks of the targets among their quantiles, corrections of leaves, loss on the holdout.

use super::TreeOptions;
use super::grow::Grown;
use super::histogram::packed;

/// Most rows of a leaf that its quantiles are taken from.
const LOOKED_AT: usize = 400;

/// Running predictions: `[row][mean, quantiles…]`.
#[derive(Debug)]
pub(super) struct Leaves<'a> {
    targets: &'a [f32],
    probabilities: &'a [f64],
    options: &'a TreeOptions,
    predicted: Vec<f32>,
    spare: Vec<f32>,
}

impl<'a> Leaves<'a> {
    /// Starts every row at the mean and the quantiles of all; the first `shares.len()` rows are known.
    pub(super) fn start(targets: &'a [f32], shares: &[f32], probabilities: &'a [f64], options: &'a TreeOptions) -> Self {
        let mut sorted: Vec<(f32, f32)> = targets.iter().copied().zip(shares.iter().copied()).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = sorted.iter().map(|row| f64::from(row.1)).sum();
        let mean: f64 = sorted.iter().map(|row| f64::from(row.0) * f64::from(row.1)).sum::<f64>() / total.max(f64::MIN_POSITIVE);
        let mut start = vec![mean as f32];
        for probability in probabilities {
            let mut below = 0.0;
            let found = sorted.iter().find(|row| {
                below += f64::from(row.1);
                below >= probability * total
            });
            start.push(found.or(sorted.last()).map_or(0.0, |row| row.0));
        }
        let predicted = start.repeat(targets.len());
        Self { targets, probabilities, options, predicted, spare: Vec::new() }
    }

    /// What a row is predicted before any tree.
    pub(super) fn start_values(&self) -> &[f32] {
        &self.predicted[..self.outputs()]
    }

    /// Values of a leaf.
    pub(super) fn outputs(&self) -> usize {
        self.probabilities.len() + 1
    }

    /// The row's rank among its quantiles, packed.
    pub(super) fn rank(&self, row: usize) -> u64 {
        let outputs = self.outputs();
        let (y, predicted) = (self.targets[row], &self.predicted[row * outputs + 1..(row + 1) * outputs]);
        let rank: usize = predicted.iter().map(|quantile| usize::from(*quantile < y)).sum();
        packed(rank, outputs - 1)
    }

    /// Appends the corrections of every leaf.
    pub(super) fn corrections(&mut self, grown: &Grown<'_>, into: &mut Vec<f32>) {
        let outputs = self.outputs();
        for &(from, to) in &grown.ranges {
            let rows = &grown.order[from..to];
            let count = rows.len() as f32;
            let share = self.options.rate * count / (count + self.options.penalty);
            let sum: f64 =
                rows.iter().map(|&row| f64::from(self.targets[row as usize] - self.predicted[row as usize * outputs])).sum();
            into.push(share * (sum / f64::from(count.max(1.0))) as f32);
            let stride = rows.len().div_ceil(LOOKED_AT).max(1);
            for (output, probability) in self.probabilities.iter().enumerate() {
                let residual = |&row: &u32| self.targets[row as usize] - self.predicted[row as usize * outputs + output + 1];
                self.spare.clear();
                self.spare.extend(rows.iter().step_by(stride).map(residual));
                into.push(share * quantile(&mut self.spare, *probability));
            }
        }
    }

    /// Adds a leaf's corrections to a row.
    pub(super) fn add(&mut self, row: usize, corrections: &[f32], leaf: usize) {
        let outputs = self.outputs();
        let corrections = &corrections[leaf * outputs..(leaf + 1) * outputs];
        for (value, correction) in self.predicted[row * outputs..(row + 1) * outputs].iter_mut().zip(corrections) {
            *value += correction;
        }
    }

    /// Weighted mean pinball loss of the rows from `from` on.
    pub(super) fn loss(&self, from: usize, weights: &[f32]) -> f64 {
        let outputs = self.outputs();
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, (&y, &weight)) in self.targets.iter().zip(weights).enumerate().skip(from) {
            let weight = f64::from(weight);
            let predicted = &self.predicted[row * outputs + 1..(row + 1) * outputs];
            let loss = |(value, probability): (&f32, &f64)| {
                let gap = f64::from(y - value);
                (probability * gap).max((probability - 1.0) * gap)
            };
            sum += weight * predicted.iter().zip(self.probabilities).map(loss).sum::<f64>();
            total += weight;
        }
        if total > 0.0 { sum / total / self.probabilities.len() as f64 } else { f64::INFINITY }
    }
}

/// Linear quantile; reorders the values.
fn quantile(values: &mut [f32], probability: f64) -> f32 {
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    let place = probability * last as f64;
    let at = (place.floor() as usize).min(last);
    let (_, low, above) = values.select_nth_unstable_by(at, f32::total_cmp);
    let low = *low;
    let high = above.iter().copied().fold(f32::INFINITY, f32::min);
    if high.is_finite() { low + (place - at as f64) as f32 * (high - low) } else { low }
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_linear_and_need_no_order() {
        assert_eq!(quantile(&mut [10.0, 0.0], 0.25), 2.5);
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!((quantile(&mut [4.0], 0.9), quantile(&mut [], 0.9)), (4.0, 0.0));
    }
}
