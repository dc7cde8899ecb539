//! The few figures the solar detectors share: medians, spread, a small least-squares fit.

/// Median; NaN of nothing. Mean of the middle two for an even count.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, at, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let at = *at;
    if even { 0.5 * (at + below.iter().copied().fold(f64::NEG_INFINITY, f64::max)) } else { at }
}

/// Share `q` of the values lies at or below; NaN of nothing.
pub(super) fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len().saturating_sub(1)) as f64 * q).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// 1.4826 times the median distance from the median.
pub(super) fn spread(values: &[f64]) -> f64 {
    let centre = median(values.to_vec());
    1.4826 * median(values.iter().map(|v| (v - centre).abs()).collect())
}

/// Least squares by the normal equations with a breath of ridge; `None` where they cannot be solved.
pub(super) fn least_squares<const N: usize>(rows: impl Iterator<Item = ([f64; N], f64)>) -> Option<[f64; N]> {
    let (mut a, mut b, mut count) = ([[0.0; N]; N], [0.0; N], 0_usize);
    for (x, y) in rows.filter(|(x, y)| y.is_finite() && x.iter().all(|v| v.is_finite())) {
        count += 1;
        for i in 0..N {
            b[i] += x[i] * y;
            for j in 0..N {
                a[i][j] += x[i] * x[j];
            }
        }
    }
    if count < 20 * N {
        return None;
    }
    for (i, row) in a.iter_mut().enumerate() {
        row[i] *= 1.0 + 1e-9;
    }
    for i in 0..N {
        let pivot = a[i][i];
        if pivot.abs() < 1e-12 {
            return None;
        }
        for k in i + 1..N {
            let factor = a[k][i] / pivot;
            let upper = a[i];
            for (cell, above) in a[k].iter_mut().zip(upper).skip(i) {
                *cell -= factor * above;
            }
            b[k] -= factor * b[i];
        }
    }
    let mut x = [0.0; N];
    for i in (0..N).rev() {
        let known: f64 = (i + 1..N).map(|j| a[i][j] * x[j]).sum();
        x[i] = (b[i] - known) / a[i][i];
    }
    x.iter().all(|v| v.is_finite()).then_some(x)
}

#[cfg(test)]
mod tests {
    use super::{least_squares, median, quantile};

    #[test]
    fn medians_and_lines() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
        assert_eq!(quantile(vec![1.0, 2.0, 3.0], 1.0), 3.0);
        let line = least_squares((0..50).map(|i| ([1.0, f64::from(i)], 2.0 + 3.0 * f64::from(i)))).unwrap();
        assert!((line[0] - 2.0).abs() < 1e-4 && (line[1] - 3.0).abs() < 1e-5, "{line:?}");
        assert!(least_squares((0..50).map(|_| ([1.0, f64::NAN], 2.0))).is_none());
    }
}
