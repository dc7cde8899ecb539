//! What every sensor should read, by least squares on the operating point, and how far off a model is that has not seen the rows.
//!
//! In: feature rows of the learning part, readings of a sensor in the same rows. Out: [`Sensor`] and residuals of twelve models, each of which left
//! one stretch out and judges it: they know how a healthy machine wanders from month to month, which a fit to all rows hides. Robust by pseudo-values
//! (Huber 1981, chapter 7.8): all sensors share one normal matrix. Deliberately not here: what the features are.

use super::super::regression::centre_and_spread;
use super::channels::Reading;

/// Stretches the learning rows are cut into.
const STRETCHES: usize = 12;
/// Rounds of pseudo-values.
const ROUNDS: usize = 4;
/// Residuals beyond this many spreads pull no harder.
const HUBER: f64 = 2.5;
/// Ridge, as a share of each feature's own energy.
const RIDGE: f64 = 1e-4;
/// A residual spread below this share of a sensor's own spread is what the ridge leaves of a copy of the features.
const COPY: f64 = 10.0 * RIDGE;

/// One sensor and what it should read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sensor {
    pub(super) reading: Reading,
    /// One per feature, as far as the sensor depends on them.
    pub(super) weights: Vec<f64>,
    /// Median of what is left.
    pub(super) centre: f64,
    /// Robust standard deviation of what is left, unit of the sensor.
    pub(super) spread: f64,
}

/// Feature rows, and factorised normal matrices: all rows, then all but each stretch.
#[derive(Debug)]
pub(super) struct Design {
    rows: Vec<f64>,
    pub(super) width: usize,
    factors: Vec<Vec<f64>>,
}

impl Design {
    /// `rows`: `width` features after one another for every learning row; the first is 1 throughout.
    pub(super) fn new(rows: Vec<f64>, width: usize) -> Option<Self> {
        let count = rows.len() / width;
        let mut parts = vec![vec![0.0; width * width]; STRETCHES];
        for (i, row) in rows.chunks_exact(width).enumerate() {
            let part = &mut parts[i * STRETCHES / count];
            for (a, x) in row.iter().enumerate() {
                for (slot, y) in part[a * width..=a * width + a].iter_mut().zip(row) {
                    *slot += x * y;
                }
            }
        }
        let mut all = vec![0.0; width * width];
        for part in &parts {
            all.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
        }
        let without = parts.iter().map(|part| all.iter().zip(part).map(|(a, b)| a - b).collect());
        let factors: Option<Vec<Vec<f64>>> = std::iter::once(all.clone()).chain(without).map(|m| factorised(m, width)).collect();
        Some(Self { rows, width, factors: factors? })
    }

    fn len(&self) -> usize {
        self.rows.len() / self.width
    }

    /// Learns one sensor from the first `depends_on` features. Residuals are in its spreads, NaN where it was silent; `None` for a sensor that the
    /// operating point explains to the last digit.
    pub(super) fn fit(&self, reading: Reading, values: &[f64], depends_on: usize) -> Option<(Sensor, Vec<f32>)> {
        let known = values.iter().copied().filter(|v| v.is_finite()).collect();
        // The ridge shall shrink what a sensor does, not the level it stands at: that is taken off first and added to the constant at the end.
        let (usual, own) = centre_and_spread(known);
        let values: Vec<f64> = values.iter().map(|v| v - usual).collect();
        let mut pseudo: Vec<f64> = values.iter().map(|v| if v.is_finite() { *v } else { 0.0 }).collect();
        let mut fitted = vec![0.0; values.len()];
        let mut weights = vec![0.0; depends_on];
        for _ in 0..ROUNDS {
            let right = self.right(&pseudo, depends_on).concat_sum();
            weights = solved(&self.factors[0], self.width, right);
            for (slot, row) in fitted.iter_mut().zip(self.rows.chunks_exact(self.width)) {
                *slot = dot(row, &weights);
            }
            let off: Vec<f64> = values.iter().zip(&fitted).map(|(v, f)| v - f).filter(|r| r.is_finite()).collect();
            let spread = centre_and_spread(off).1;
            if spread <= COPY * own || !spread.is_finite() {
                return None;
            }
            let reach = HUBER * spread;
            for ((slot, value), fit) in pseudo.iter_mut().zip(&values).zip(&fitted) {
                *slot = if value.is_finite() { fit + (value - fit).clamp(-reach, reach) } else { *fit };
            }
        }
        let parts = self.right(&pseudo, depends_on);
        let mut unseen = vec![f64::NAN; values.len()];
        let all = parts.concat_sum();
        for stretch in 0..STRETCHES {
            let right: Vec<f64> = all.iter().zip(&parts.0[stretch]).map(|(a, b)| a - b).collect();
            let apart = solved(&self.factors[stretch + 1], self.width, right);
            let rows = self.rows.chunks_exact(self.width).enumerate();
            for (i, row) in rows.filter(|(i, _)| i * STRETCHES / self.len() == stretch) {
                unseen[i] = values[i] - dot(row, &apart);
            }
        }
        let (centre, spread) = centre_and_spread(unseen.iter().copied().filter(|r| r.is_finite()).collect());
        if spread <= COPY * own {
            return None;
        }
        *weights.first_mut()? += usual;
        let residuals = unseen.iter().map(|r| ((r - centre) / spread) as f32).collect();
        Some((Sensor { reading, weights, centre, spread }, residuals))
    }

    /// Right sides, one per stretch.
    fn right(&self, target: &[f64], depends_on: usize) -> Parts {
        let mut parts = vec![vec![0.0; depends_on]; STRETCHES];
        let len = self.len();
        for (i, (row, y)) in self.rows.chunks_exact(self.width).zip(target).enumerate() {
            for (slot, x) in parts[i * STRETCHES / len].iter_mut().zip(row) {
                *slot += x * y;
            }
        }
        Parts(parts)
    }
}

/// One vector per stretch.
#[derive(Debug)]
struct Parts(Vec<Vec<f64>>);

impl Parts {
    fn concat_sum(&self) -> Vec<f64> {
        let mut sum = self.0.first().cloned().unwrap_or_default();
        for part in self.0.iter().skip(1) {
            sum.iter_mut().zip(part).for_each(|(a, b)| *a += b);
        }
        sum
    }
}

fn dot(row: &[f64], weights: &[f64]) -> f64 {
    row.iter().zip(weights).map(|(x, w)| x * w).sum()
}

/// Cholesky factor of the lower triangle, with the ridge. The factor of the first n features is its leading block.
fn factorised(mut matrix: Vec<f64>, width: usize) -> Option<Vec<f64>> {
    for a in 0..width {
        matrix[a * width + a] = matrix[a * width + a] * (1.0 + RIDGE) + 1e-9;
        for b in 0..=a {
            let inner = dot(&matrix[a * width..a * width + b], &matrix[b * width..b * width + b]);
            let value = matrix[a * width + b] - inner;
            matrix[a * width + b] = if a != b {
                value / matrix[b * width + b]
            } else if value > 0.0 {
                value.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(matrix)
}

fn solved(factor: &[f64], width: usize, mut right: Vec<f64>) -> Vec<f64> {
    let count = right.len();
    for a in 0..count {
        right[a] = (right[a] - dot(&factor[a * width..a * width + a], &right[..a])) / factor[a * width + a];
    }
    for a in (0..count).rev() {
        let inner: f64 = (a + 1..count).map(|b| factor[b * width + a] * right[b]).sum();
        right[a] = (right[a] - inner) / factor[a * width + a];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::Design;
    use crate::detect::subspace::channels::Reading;

    #[test]
    fn finds_the_law_in_spite_of_gaps_and_wild_values() {
        let rows: Vec<f64> = (0..2400).flat_map(|i| [1.0, (f64::from(i) * 0.37).sin()]).collect();
        let noise = |i: usize| 0.1 * (i as f64 * 12.9898).sin();
        let law = |i: usize| 40.0 + 5.0 * rows[2 * i + 1];
        let values: Vec<f64> = (0..2400)
            .map(|i| match i % 50 {
                0 => 400.0,
                1 => f64::NAN,
                _ => law(i) + noise(i),
            })
            .collect();
        let design = Design::new(rows.clone(), 2).unwrap();
        let reading = Reading { column: 0, zero_is_missing: false, relative_to: None };
        let (sensor, unseen) = design.fit(reading.clone(), &values, 2).unwrap();
        assert!((sensor.weights[0] + sensor.centre - 40.0).abs() < 0.1 && (sensor.weights[1] - 5.0).abs() < 0.1, "{sensor:?}");
        assert!(unseen[1].is_nan() && unseen[0] > 100.0 && unseen[2].abs() < 3.0);
        let copy: Vec<f64> = (0..2400).map(law).collect();
        assert!(design.fit(reading.clone(), &copy, 2).is_none(), "a copy of a feature is explained to the last digit");
        assert!(design.fit(reading, &vec![3.0; 2400], 2).is_none(), "a constant has no spread");
    }
}
