//! Weighted ridge regression on standardised columns, by Cholesky.
//!
//! In: rows pushed one by one. Out: [`LinearFit`]. Missing features count as their column's mean. Sums run in one thread and
//! one order, so the same rows give the same bytes.

use crate::features::{Group, Shares};
use ndarray::{Array1, Array2};
use ndarray_linalg::{SolveC, error::LinalgError};
use serde::{Deserialize, Serialize};

/// A feature further from its mean than this many deviations counts as that far: no wild extrapolation.
const FAR: f64 = 8.0;

/// Collected rows of a regression.
#[derive(Debug, Clone, Default)]
pub struct Gram {
    width: usize,
    rows: Vec<f64>,
    targets: Vec<f64>,
    weights: Vec<f64>,
}

/// Normal equations of some rows, ready to be solved at any penalty.
#[derive(Debug, Clone)]
pub struct Normal {
    products: Array2<f64>,
    right: Array1<f64>,
    means: Vec<f64>,
    deviations: Vec<f64>,
    target_mean: f64,
    weight: f64,
}

/// Coefficients: `prediction = intercept + Σ z × coefficient`, `z = (x − mean) / deviation` within ±`FAR`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinearFit {
    means: Vec<f64>,
    deviations: Vec<f64>,
    coefficients: Vec<f64>,
    intercept: f64,
}

impl Gram {
    /// Room for rows of that width.
    pub fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Adds a row (its first `width` features); rows without a finite target, or without weight, are left out.
    pub fn push(&mut self, row: &[f64], target: f64, weight: f64) {
        if target.is_finite() && weight > 0.0 && row.len() >= self.width {
            self.rows.extend_from_slice(&row[..self.width]);
            self.targets.push(target);
            self.weights.push(weight);
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Normal equations of the rows `[from, to)`.
    pub fn normal(&self, from: usize, to: usize) -> Normal {
        let (p, to) = (self.width, to.min(self.len()));
        let (mut means, mut deviations) = (vec![0.0; p], vec![1.0; p]);
        let (mut weight, mut target_mean) = (0.0, 0.0);
        let (mut sums, mut squares, mut seen) = (vec![0.0; p], vec![0.0; p], vec![0.0; p]);
        for i in from..to {
            let w = self.weights[i];
            weight += w;
            target_mean += w * self.targets[i];
            for (j, &x) in self.rows[i * p..(i + 1) * p].iter().enumerate() {
                if x.is_finite() {
                    sums[j] += w * x;
                    squares[j] += w * x * x;
                    seen[j] += w;
                }
            }
        }
        target_mean /= weight.max(f64::MIN_POSITIVE);
        for j in 0..p {
            if seen[j] > 0.0 {
                means[j] = sums[j] / seen[j];
                let variance = (squares[j] / seen[j] - means[j] * means[j]).max(0.0);
                let noise = 1e-6 * means[j].abs() + 1e-9;
                deviations[j] = if variance.sqrt() > noise { variance.sqrt() } else { f64::INFINITY };
            } else {
                deviations[j] = f64::INFINITY;
            }
        }
        let rows = to.saturating_sub(from);
        let (mut z, mut y) = (Array2::zeros((rows, p)), Array1::zeros(rows));
        for (i, mut cells) in (from..to).zip(z.rows_mut()) {
            let root = self.weights[i].sqrt();
            for (j, (cell, &x)) in cells.iter_mut().zip(&self.rows[i * p..(i + 1) * p]).enumerate() {
                *cell = if x.is_finite() { root * ((x - means[j]) / deviations[j]).clamp(-FAR, FAR) } else { 0.0 };
            }
            y[i - from] = root * (self.targets[i] - target_mean);
        }
        let (products, right) = (z.t().dot(&z), z.t().dot(&y));
        Normal { products, right, means, deviations, target_mean, weight }
    }

    /// Weighted mean squared error of a fit on the rows `[from, to)`.
    pub fn error(&self, fit: &LinearFit, from: usize, to: usize) -> f64 {
        let (mut sum, mut weight) = (0.0, 0.0);
        for i in from..to.min(self.len()) {
            let gap = self.targets[i] - fit.predict(&self.rows[i * self.width..(i + 1) * self.width]);
            sum += self.weights[i] * gap * gap;
            weight += self.weights[i];
        }
        if weight > 0.0 { sum / weight } else { f64::INFINITY }
    }
}

impl Normal {
    /// Solves with a penalty of `penalty` times the total weight on every standardised coefficient.
    ///
    /// # Errors
    /// What LAPACK says when the matrix is not positive definite, which a positive penalty prevents.
    pub fn solve(&self, penalty: f64) -> Result<LinearFit, LinalgError> {
        let mut products = self.products.clone();
        for cell in products.diag_mut() {
            *cell += penalty * self.weight + 1e-12;
        }
        let solution = products.solvec(&self.right)?;
        let coefficients = solution.to_vec();
        let (means, deviations) = (self.means.clone(), self.deviations.clone());
        Ok(LinearFit { means, deviations, coefficients, intercept: self.target_mean })
    }
}

impl LinearFit {
    /// Always that value.
    pub fn constant(value: f64) -> Self {
        Self { means: Vec::new(), deviations: Vec::new(), coefficients: Vec::new(), intercept: value }
    }

    /// Adds to the share of each feature's group what the feature gives, `worth` for one: its coefficient times its deviation from the
    /// mean of the fit, which are the Shapley values of a linear model of independent features (Lundberg and Lee 2017). The mean of
    /// the fitted targets is usual.
    pub fn contribute(&self, row: &[f64], groups: &[Group], worth: f64, shares: &mut Shares) {
        shares[Group::Usual as usize] += worth * self.intercept;
        let scaled = row.iter().zip(&self.means).zip(&self.deviations).zip(&self.coefficients).zip(groups);
        for ((((x, mean), deviation), coefficient), group) in scaled {
            if x.is_finite() {
                shares[*group as usize] += worth * ((x - mean) / deviation).clamp(-FAR, FAR) * coefficient;
            }
        }
    }

    /// The prediction for a row; missing features count as their mean.
    pub fn predict(&self, row: &[f64]) -> f64 {
        let mut sum = self.intercept;
        for (((x, mean), deviation), coefficient) in row.iter().zip(&self.means).zip(&self.deviations).zip(&self.coefficients) {
            if x.is_finite() {
                sum += ((x - mean) / deviation).clamp(-FAR, FAR) * coefficient;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::{Gram, Group};

    #[test]
    fn recovers_a_plane_and_ignores_constants_and_holes() {
        let mut gram = Gram::new(3);
        for i in 0..50 {
            let (a, b) = (f64::from(i % 7), f64::from(i % 5));
            gram.push(&[a, b, 4.0], 1.0 + 2.0 * a - b, 1.0);
        }
        gram.push(&[f64::NAN, 1.0, 4.0], f64::NAN, 1.0);
        assert_eq!(gram.len(), 50);
        let fit = gram.normal(0, 50).solve(1e-9).unwrap();
        assert!((fit.predict(&[3.0, 2.0, 4.0]) - 5.0).abs() < 1e-5);
        let mut shares = [0.0; 4];
        fit.contribute(&[4.0, 2.0, 9.0], &[Group::Recent, Group::Weather, Group::Calendar], 10.0, &mut shares);
        // The mean of the targets is 1 + 2 × 2.94 − 2, and only the first feature is far from its mean.
        assert!((shares[0] - 48.8).abs() < 1e-3 && (shares[1] - 21.2).abs() < 1e-3, "{shares:?}");
        assert!(shares[2].abs() < 1e-3 && shares[3] == 0.0);
        assert!(fit.predict(&[f64::NAN, 2.0, 4.0]).is_finite());
        assert!(gram.error(&fit, 0, 50) < 1e-8);
    }
}
