//! Gradient-boosted trees whose leaves hold the mean and every quantile: one structure a round serves them all.
//!
//! In: [`Rows`] of features (NaN where missing), targets, weights. Out: a [`Forest`]: predictions, what each feature added to
//! them, bytes. Each round asks where the targets stand among the quantiles predicted so far, splits the rows where that rank, or
//! its distance from the middle, differs most, and moves every quantile of a leaf towards that of its own residuals. The rank is
//! the sum of all pinball gradients: a small integer, so a histogram adds one packed word a row and its sums are exact.
//!
//! Friedman (2001) for boosting and leaf values; Ke et al. (2017) for histograms, subtraction and leaf-wise growth; Iosipoi and
//! Vakhrushev (2022) for splits on a sketch of many gradients.

mod bins;
mod grow;
mod histogram;
mod leaf;
mod state;
#[cfg(test)]
mod tests;

use bins::Bins;
use grow::{Grower, Tree};
use leaf::Leaves;

/// Most quantiles of a forest: a packed word has 21 bits for the sum of ranks.
pub const MOST_QUANTILES: usize = 15;
/// Most rows of a fit, for the same reason.
pub const MOST_ROWS: usize = (1 << 21) / (MOST_QUANTILES + 1);

/// Feature rows of one width.
///
/// # Shape
/// `values` holds `rows × width` numbers, row by row; NaN (or anything not finite) is missing. Oldest row first, where the holdout
/// should be the newest.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Features per row.
    pub width: usize,
    /// Row-major features.
    pub values: &'a [f32],
}

impl<'a> Rows<'a> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One row.
    pub fn row(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }
}

/// How a forest grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TreeOptions {
    /// Most trees.
    pub rounds: usize,
    /// Share of a leaf's correction that is taken.
    pub rate: f32,
    /// Most leaves of a tree.
    pub leaves: usize,
    /// Fewest sampled rows in a leaf.
    pub least: usize,
    /// Rows of nothing that a leaf's correction is averaged with.
    pub penalty: f32,
    /// Share of the rows a tree sees, for rows of the greatest weight; others in proportion.
    pub row_share: f32,
    /// Share of the features a tree sees.
    pub column_share: f32,
    /// Most bins of a feature, one of them for missing; at most 255.
    pub bins: usize,
    /// What a difference in spread counts against one in location.
    pub spread: f32,
    /// The newest share of the rows, on which growth stops early; 0 for none.
    pub holdout: f32,
    /// Rows left out between the fitted ones and the holdout, because their truths overlap.
    pub gap: usize,
    /// Rounds without gain on the holdout before growth stops.
    pub patience: usize,
    /// Start of the generator that samples rows and columns.
    pub seed: u64,
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self {
            rounds: 150,
            rate: 0.08,
            leaves: 24,
            least: 60,
            penalty: 20.0,
            row_share: 0.5,
            column_share: 0.5,
            bins: 64,
            spread: 0.5,
            holdout: 0.0,
            gap: 0,
            patience: 15,
            seed: 1,
        }
    }
}

/// Trees that predict a mean and quantiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    width: usize,
    probabilities: Vec<f64>,
    /// What is predicted without any tree: the mean, then the quantiles.
    start: Vec<f32>,
    trees: Vec<Tree>,
    /// Corrections of all leaves of all trees: `[leaf][mean, quantiles…]`.
    corrections: Vec<f32>,
}

/// A prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Expected value.
    pub mean: f64,
    /// Rising values at the forest's probabilities.
    pub quantiles: Vec<f64>,
}

impl Forest {
    /// Learns from rows; rows without a finite target or without weight are left out. `None` when fewer than
    /// `4 × options.least` remain, or there is no feature, no probability or more than [`MOST_QUANTILES`].
    pub fn fit(rows: Rows<'_>, targets: &[f64], weights: &[f64], probabilities: &[f64], options: &TreeOptions) -> Option<Self> {
        let usable = |&i: &usize| targets[i].is_finite() && weights[i] > 0.0;
        let kept: Vec<usize> = (0..rows.len().min(targets.len()).min(weights.len())).filter(usable).take(MOST_ROWS).collect();
        let most = (1..=MOST_QUANTILES).contains(&probabilities.len());
        if kept.len() < 4 * options.least.max(1) || rows.width == 0 || !most {
            return None;
        }
        let held = ((kept.len() as f32 * options.holdout.clamp(0.0, 0.5)) as usize).min(kept.len());
        let judged = kept.len() - held;
        let learnt = if held > 0 { judged.saturating_sub(options.gap).max(judged / 2) } else { judged };
        let bins = Bins::of(rows, &kept, options.bins);
        let y: Vec<f32> = kept.iter().map(|&i| targets[i] as f32).collect();
        let most = kept[..learnt].iter().map(|&i| weights[i]).fold(0.0, f64::max);
        let shares: Vec<f32> = kept.iter().map(|&i| (weights[i] / most) as f32 * options.row_share).collect();
        let mut leaves = Leaves::start(&y, &shares[..learnt], probabilities, options);
        let mut grower = Grower::new(&bins, &shares[..learnt], options);
        let start = leaves.start_values().to_vec();
        let mut forest =
            Self { width: rows.width, probabilities: probabilities.to_vec(), start, trees: Vec::new(), corrections: Vec::new() };
        let mut best = (if held > 0 { leaves.loss(judged, &shares) } else { f64::INFINITY }, 0);
        for round in 1..=options.rounds {
            let Some(grown) = grower.grow(&mut leaves, learnt) else { break };
            let from = forest.corrections.len();
            leaves.corrections(&grown, &mut forest.corrections);
            let tree = grown.finish(&bins, leaves.outputs(), from);
            for row in 0..y.len() {
                leaves.add(row, &forest.corrections[from..], grown.leaf_of(&bins, row));
            }
            forest.trees.push(tree);
            if held > 0 {
                let loss = leaves.loss(judged, &shares);
                if loss < best.0 {
                    best = (loss, round);
                } else if round - best.1 >= options.patience {
                    break;
                }
            }
        }
        if held > 0 {
            forest.truncate(best.1);
        }
        Some(forest)
    }

    fn truncate(&mut self, rounds: usize) {
        let outputs = self.start.len();
        let leaves: usize = self.trees.iter().take(rounds).map(Tree::leaves).sum();
        self.trees.truncate(rounds);
        self.corrections.truncate(leaves * outputs);
    }

    /// Number of trees.
    pub fn rounds(&self) -> usize {
        self.trees.len()
    }

    /// Features a row must have.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Probabilities of the quantiles, as given to [`Forest::fit`].
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// Predictions for rows of [`Forest::width`] features; quantiles are sorted.
    pub fn predict(&self, rows: Rows<'_>) -> Vec<Prediction> {
        let outputs = self.start.len();
        let mut sums = self.start.repeat(rows.len());
        for tree in &self.trees {
            for (index, sums) in sums.chunks_exact_mut(outputs).enumerate() {
                let at = tree.leaf(rows.row(index));
                for (sum, correction) in sums.iter_mut().zip(&self.corrections[at..at + outputs]) {
                    *sum += correction;
                }
            }
        }
        let prediction = |sums: &[f32]| {
            let mut quantiles: Vec<f64> = sums[1..].iter().map(|v| f64::from(*v)).collect();
            quantiles.sort_by(f64::total_cmp);
            Prediction { mean: f64::from(sums[0]), quantiles }
        };
        sums.chunks_exact(outputs).map(prediction).collect()
    }

    /// How much each feature moved the mean of each row, or the quantile of that index before sorting, and its value before any of them:
    /// together the prediction. The share of a feature is the change of the expected value along the path of each tree (Saabas
    /// 2014, "Interpreting random forests"), which adds up exactly and costs no more than a prediction; unlike Shapley values
    /// (Lundberg et al. 2020) it credits features near the leaves more than those near the root.
    pub fn contributions(&self, rows: Rows<'_>, quantile: Option<usize>) -> Vec<(f64, Vec<f64>)> {
        let output = quantile.map_or(0, |index| index + 1).min(self.start.len() - 1);
        let mut all = vec![(f64::from(self.start[output]), vec![0.0; self.width]); rows.len()];
        for tree in &self.trees {
            let expected = tree.expected(&self.corrections, output);
            for (index, (root, shares)) in all.iter_mut().enumerate() {
                *root += tree.follow(rows.row(index), &expected, &self.corrections, output, shares);
            }
        }
        all
    }
}

/// A seeded generator of integers: splitmix64 (Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Seeded(u64);

impl Seeded {
    /// Starts from a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number in `[0, 1)`.
    pub(super) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An integer below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// A number of the standard normal distribution (Box and Muller 1958).
    pub(super) fn normal(&mut self) -> f64 {
        let (radius, angle) = ((-2.0 * (1.0 - self.share()).ln()).sqrt(), std::f64::consts::TAU * self.share());
        radius * angle.cos()
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// True in about that share of the calls.
    fn chance(&mut self, share: f32) -> bool {
        ((self.next() >> 40) as f32) < share * (1u64 << 24) as f32
    }
}
