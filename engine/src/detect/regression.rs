//! Robust ridge regression, and its consensus over peers.
//!
//! In: feature columns, a target, the rows to learn from. Out: coefficients and predictions, NaN where a feature is
//! missing. The solver is a plain Cholesky factorisation: small, deterministic, no threads. Not for forecasting.

/// Huber's tuning constant: 95 % efficiency under normal noise.
const HUBER: f64 = 1.345;
/// Reweighting rounds; the weights change little after three.
const ROUNDS: usize = 4;

/// A fitted linear model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ridge {
    weights: Vec<f64>,
}

impl Ridge {
    /// The model of nothing: predicts 0.
    pub(crate) fn none() -> Self {
        Self { weights: Vec::new() }
    }

    /// Huber-weighted ridge of `target` on `features` over `rows` where all are finite; `None` with too few rows.
    pub(crate) fn fit(features: &[Vec<f64>], target: &[f64], rows: impl Fn(usize) -> bool, least: usize) -> Option<Self> {
        let width = features.len();
        let usable: Vec<usize> = (0..target.len())
            .filter(|&i| rows(i) && target[i].is_finite() && features.iter().all(|column| column[i].is_finite()))
            .collect();
        if usable.len() < least.max(2 * width) {
            return None;
        }
        let mut matrix = Vec::with_capacity(usable.len() * width);
        for &i in &usable {
            matrix.extend(features.iter().map(|column| column[i]));
        }
        let mut weight = vec![1.0; usable.len()];
        let mut weights = vec![0.0; width];
        for _ in 0..ROUNDS {
            weights = solve(&matrix, width, &usable, target, &weight)?;
            let residual: Vec<f64> = matrix.chunks_exact(width).zip(&usable).map(|(x, &i)| target[i] - dot(x, &weights)).collect();
            let spread = 1.4826 * median(residual.iter().map(|r| r.abs()).collect());
            if spread <= 0.0 || !spread.is_finite() {
                break;
            }
            for (w, r) in weight.iter_mut().zip(&residual) {
                *w = (HUBER * spread / r.abs()).min(1.0);
            }
        }
        Some(Self { weights })
    }

    /// Predictions for every row; NaN where a feature is.
    pub(crate) fn predict(&self, features: &[Vec<f64>], len: usize) -> Vec<f64> {
        let mut out = vec![0.0; len];
        for (column, weight) in features.iter().zip(&self.weights) {
            for (sum, value) in out.iter_mut().zip(column) {
                *sum += weight * value;
            }
        }
        out
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn solve(matrix: &[f64], width: usize, usable: &[usize], target: &[f64], weight: &[f64]) -> Option<Vec<f64>> {
    let mut normal = vec![0.0; width * width];
    let mut right = vec![0.0; width];
    for ((x, &i), w) in matrix.chunks_exact(width).zip(usable).zip(weight) {
        for (a, xa) in x.iter().enumerate() {
            let scaled = w * xa;
            right[a] += scaled * target[i];
            for (slot, xb) in normal[a * width..=a * width + a].iter_mut().zip(x) {
                *slot += scaled * xb;
            }
        }
    }
    // A ridge of a millionth of each column's own energy keeps collinear columns apart and changes no unit.
    for a in 0..width {
        normal[a * width + a] = normal[a * width + a] * (1.0 + 1e-6) + 1e-9;
    }
    for a in 0..width {
        for b in 0..=a {
            let inner = dot(&normal[a * width..a * width + b], &normal[b * width..b * width + b]);
            let value = normal[a * width + b] - inner;
            normal[a * width + b] = if a == b {
                if value <= 0.0 {
                    return None;
                }
                value.sqrt()
            } else {
                value / normal[b * width + b]
            };
        }
    }
    for a in 0..width {
        right[a] = (right[a] - dot(&normal[a * width..a * width + a], &right[..a])) / normal[a * width + a];
    }
    for a in (0..width).rev() {
        let inner: f64 = (a + 1..width).map(|b| normal[b * width + a] * right[b]).sum();
        right[a] = (right[a] - inner) / normal[a * width + a];
    }
    Some(right)
}

/// Middle value; 0 of nothing. NaN must not be in it.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    let (_, high, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let high = *high;
    if values.len() % 2 == 1 {
        return high;
    }
    let low = values[..middle].iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(low, high)
}

/// Median and robust standard deviation (1.4826 MAD).
pub(crate) fn centre_and_spread(values: Vec<f64>) -> (f64, f64) {
    let centre = median(values.clone());
    (centre, 1.4826 * median(values.into_iter().map(|v| (v - centre).abs()).collect()))
}

#[cfg(test)]
mod tests {
    use super::{Ridge, centre_and_spread, median};

    #[test]
    fn finds_the_line_through_outliers() {
        let x: Vec<f64> = (0..200).map(|i| f64::from(i) / 10.0).collect();
        let y: Vec<f64> = x.iter().enumerate().map(|(i, x)| if i % 20 == 0 { 500.0 } else { 3.0 + 2.0 * x }).collect();
        let features = vec![vec![1.0; 200], x];
        let fit = Ridge::fit(&features, &y, |_| true, 10).unwrap();
        let at = fit.predict(&features, 200);
        assert!((at[101] - (3.0 + 2.0 * 10.1)).abs() < 0.5, "{}", at[101]);
        assert!(Ridge::fit(&features, &y, |i| i < 3, 10).is_none());
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        let (centre, spread) = centre_and_spread(vec![1.0, 2.0, 3.0, 4.0, 100.0]);
        assert_eq!((centre, spread), (3.0, 1.4826));
    }
}
