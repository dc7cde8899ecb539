//! Scores of forecasts, as the bench's `score.py` defines them.
//!
//! In: truth and forecasts in the same order. Out: one number, lower is better (but coverage). Steps whose truth is NaN are not
//! scored.

use crate::domain::Quantile;

/// Why a score could not be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// The inputs do not belong together.
    #[error("{observed} observed and {predicted} predicted values: give one forecast per observed value")]
    LengthMismatch {
        /// Observed values.
        observed: usize,
        /// Predicted values.
        predicted: usize,
    },
    /// There is nothing to score, or the denominator is zero.
    #[error("nothing to score: no observed value is known, or all are zero")]
    Empty,
}

fn pairs<'a>(observed: &'a [f64], predicted: &'a [f64]) -> Result<impl Iterator<Item = (f64, f64)> + Clone + 'a, MetricError> {
    if observed.len() != predicted.len() {
        return Err(MetricError::LengthMismatch { observed: observed.len(), predicted: predicted.len() });
    }
    let known = observed.iter().zip(predicted).filter(|(y, _)| y.is_finite()).map(|(&y, &f)| (y, f));
    if known.clone().next().is_none() { Err(MetricError::Empty) } else { Ok(known) }
}

fn ratio(above: f64, below: f64) -> Result<f64, MetricError> {
    if below > 0.0 { Ok(above / below) } else { Err(MetricError::Empty) }
}

/// Weighted absolute percentage error: `Σ|y − f| / Σ|y|`.
///
/// # Errors
/// [`MetricError`].
pub fn wape(observed: &[f64], predicted: &[f64]) -> Result<f64, MetricError> {
    let (above, below) = pairs(observed, predicted)?.fold((0.0, 0.0), |(a, b), (y, f)| (a + (y - f).abs(), b + y.abs()));
    ratio(above, below)
}

/// Mean absolute error, unit of the data.
///
/// # Errors
/// [`MetricError`].
pub fn mae(observed: &[f64], predicted: &[f64]) -> Result<f64, MetricError> {
    let (sum, count) = pairs(observed, predicted)?.fold((0.0, 0.0), |(s, n), (y, f)| (s + (y - f).abs(), n + 1.0));
    ratio(sum, count)
}

/// Root mean squared error, unit of the data.
///
/// # Errors
/// [`MetricError`].
pub fn rmse(observed: &[f64], predicted: &[f64]) -> Result<f64, MetricError> {
    let (sum, count) = pairs(observed, predicted)?.fold((0.0, 0.0), |(s, n), (y, f)| (s + (y - f) * (y - f), n + 1.0));
    Ok(ratio(sum, count)?.sqrt())
}

/// Mean absolute error over the rated power.
///
/// # Errors
/// [`MetricError`].
pub fn nmae(observed: &[f64], predicted: &[f64], capacity: f64) -> Result<f64, MetricError> {
    ratio(mae(observed, predicted)?, capacity)
}

/// Mean absolute error over that of the seasonal naive with `period` steps on `training`.
///
/// # Errors
/// [`MetricError`].
///
/// # Source
/// Hyndman and Koehler (2006), International Journal of Forecasting 22(4).
pub fn mase(observed: &[f64], predicted: &[f64], training: &[f64], period: usize) -> Result<f64, MetricError> {
    let steps = training.iter().zip(training.iter().skip(period)).map(|(a, b)| (b - a).abs()).filter(|gap| gap.is_finite());
    let (sum, count) = steps.fold((0.0, 0.0), |(s, n), gap| (s + gap, n + 1.0));
    ratio(mae(observed, predicted)?, ratio(sum, count)?)
}

/// Pinball loss of one value.
pub(crate) fn pinball_of(observed: f64, predicted: f64, probability: f64) -> f64 {
    let gap = observed - predicted;
    (probability * gap).max((probability - 1.0) * gap)
}

/// Pinball loss, mean over steps and quantiles; `predicted[step][quantile]`. Twice it approximates the CRPS.
///
/// # Errors
/// [`MetricError`].
///
/// # Source
/// Koenker and Bassett (1978), Econometrica 46(1).
pub fn pinball(observed: &[f64], predicted: &[Vec<f64>], quantiles: &[Quantile]) -> Result<f64, MetricError> {
    let (sum, count, _) = pinball_sums(observed, predicted, quantiles)?;
    ratio(sum, count)
}

/// Weighted quantile loss: `2 Σ pinball / Σ|y|`, averaged over the quantiles.
///
/// # Errors
/// [`MetricError`].
pub fn wql(observed: &[f64], predicted: &[Vec<f64>], quantiles: &[Quantile]) -> Result<f64, MetricError> {
    let (sum, _, total) = pinball_sums(observed, predicted, quantiles)?;
    ratio(2.0 * sum / quantiles.len() as f64, total)
}

fn pinball_sums(observed: &[f64], predicted: &[Vec<f64>], quantiles: &[Quantile]) -> Result<(f64, f64, f64), MetricError> {
    if observed.len() != predicted.len() {
        return Err(MetricError::LengthMismatch { observed: observed.len(), predicted: predicted.len() });
    }
    let (mut sum, mut count, mut total) = (0.0, 0.0, 0.0);
    for (y, row) in observed.iter().zip(predicted).filter(|(y, _)| y.is_finite()) {
        if row.len() != quantiles.len() {
            return Err(MetricError::LengthMismatch { observed: quantiles.len(), predicted: row.len() });
        }
        sum += row.iter().zip(quantiles).map(|(f, q)| pinball_of(*y, *f, q.value())).sum::<f64>();
        count += row.len() as f64;
        total += y.abs();
    }
    if count > 0.0 { Ok((sum, count, total)) } else { Err(MetricError::Empty) }
}

/// Share of truth within `[low, high]`.
///
/// # Errors
/// [`MetricError`].
pub fn coverage(observed: &[f64], low: &[f64], high: &[f64]) -> Result<f64, MetricError> {
    let inside_low: Vec<bool> = pairs(observed, low)?.map(|(y, f)| y >= f).collect();
    let inside_high = pairs(observed, high)?.map(|(y, f)| y <= f);
    let inside = inside_low.iter().zip(inside_high).filter(|(a, b)| **a && *b).count();
    ratio(inside as f64, inside_low.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::{MetricError, coverage, mae, mase, nmae, pinball, rmse, wape, wql};
    use crate::domain::Quantile;

    /// The hand-worked case of `score.py --self-test`: errors 2, 1, −2 and −1, −2, −5 at 0.1, 0.5, 0.9.
    #[test]
    fn match_the_bench() {
        let quantiles: Vec<Quantile> = [0.1, 0.5, 0.9].map(|q| Quantile::new(q).unwrap()).into();
        let (y, v) = ([10.0, 20.0], [vec![8.0, 9.0, 12.0], vec![21.0, 22.0, 25.0]]);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        close(pinball(&y, &v, &quantiles).unwrap(), (0.2 + 0.5 + 0.2 + 0.9 + 1.0 + 0.5) / 6.0);
        close(wql(&y, &v, &quantiles).unwrap(), 2.0 * (3.3 / 3.0) / 30.0);
        close(wape(&y, &[9.0, 22.0]).unwrap(), 3.0 / 30.0);
        close(nmae(&y, &[9.0, 22.0], 100.0).unwrap(), 0.015);
        close(rmse(&y, &[9.0, 22.0]).unwrap(), 2.5_f64.sqrt());
        close(coverage(&y, &[8.0, 21.0], &[12.0, 25.0]).unwrap(), 0.5);
        close(mase(&y, &[9.0, 22.0], &[1.0, 5.0, 2.0, 7.0], 2).unwrap(), 1.0);
        close(mae(&[10.0, f64::NAN], &[9.0, 22.0]).unwrap(), 1.0);
        assert_eq!(wape(&[f64::NAN], &[1.0]), Err(MetricError::Empty));
        assert!(matches!(mae(&y, &[1.0]), Err(MetricError::LengthMismatch { .. })));
    }
}
