//! Single values that stand out: a jump there and back, a value far from the series, a value held at a ceiling.
//!
//! In: a column, NaN = missing. Out: one mark per row. Sources: Hampel (1974), JASA 69, on increments in place of
//! levels so that ramps and nights do not count; pvanalytics 0.2, `quality.outliers.zscore`.

use super::super::regression::median;

/// Fewest values a judgement needs.
const LEAST: usize = 50;

/// Rows that jump away from both neighbours, which agree, by more than `limit` robust deviations of the increments.
pub(crate) fn spikes(values: &[f64], limit: f64) -> Vec<bool> {
    let moves: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).filter(|d| d.is_finite() && *d > 0.0).collect();
    if moves.len() < LEAST {
        return vec![false; values.len()];
    }
    let line = limit * 1.4826 * median(moves);
    let mut out = vec![false; values.len()];
    for i in 1..values.len().saturating_sub(1) {
        let (there, back) = (values[i] - values[i - 1], values[i] - values[i + 1]);
        let base = (values[i + 1] - values[i - 1]).abs();
        out[i] = there * back > 0.0 && there.abs().min(back.abs()) > line && base < 0.25 * there.abs();
    }
    out
}

/// Rows more than `limit` standard deviations from the mean.
pub(crate) fn outliers(values: &[f64], limit: f64) -> Vec<bool> {
    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if known.len() < LEAST {
        return vec![false; values.len()];
    }
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    let spread = (known.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / known.len() as f64).sqrt();
    values.iter().map(|v| spread > 0.0 && (v - mean).abs() > limit * spread).collect()
}

/// Rows within half a percent of a ceiling that the series reaches often and never passes.
pub(crate) fn clipped(values: &[f64]) -> Vec<bool> {
    let top = values.iter().copied().filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    let near = |v: f64| v >= 0.995 * top;
    let below = values.iter().filter(|v| (0.97 * top..0.995 * top).contains(*v)).count();
    let at = values.iter().filter(|v| near(**v)).count();
    let pairs = values.windows(2).filter(|w| near(w[0]) && near(w[1])).count();
    // A natural maximum is approached as often as it is reached; a ceiling collects rows, in unbroken stretches.
    let ceiling = top > 0.0 && at >= 12 && at > 3 * below && 2 * pairs > at;
    values.iter().map(|v| ceiling && near(*v)).collect()
}

#[cfg(test)]
mod tests {
    use super::{clipped, outliers, spikes};

    fn wave() -> Vec<f64> {
        (0..400).map(|i| 50.0 + 40.0 * (f64::from(i) / 20.0).sin() + 0.3 * f64::from(i * i % 7)).collect()
    }

    #[test]
    fn a_jump_there_and_back_is_a_spike_a_step_is_not() {
        let mut values = wave();
        values[100] += 80.0;
        for v in &mut values[200..] {
            *v += 60.0;
        }
        let hits: Vec<usize> = (0..400).filter(|&i| spikes(&values, 12.0)[i]).collect();
        assert_eq!(hits, [100]);
        values[100] += 400.0;
        assert!(outliers(&values, 4.5)[100] && !outliers(&values, 4.5)[101]);
    }

    #[test]
    fn a_ceiling_collects_rows() {
        assert!(!clipped(&wave()).contains(&true));
        let flat: Vec<f64> = wave().into_iter().map(|v| v.min(70.0)).collect();
        let hits = clipped(&flat).into_iter().filter(|c| *c).count();
        assert_eq!(hits, flat.iter().filter(|v| **v >= 0.995 * 70.0).count());
    }
}
