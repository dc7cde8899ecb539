//! Principal components of smoothed residuals: Hotelling's T² inside the plane of usual variation, Q (squared prediction error) off it.
//!
//! In: rows of standardised residuals. Out: the plane, theoretical limits, and contributions of sensors to either statistic. Sources: Jackson &
//! Mudholkar (1979), Technometrics 21, 341-349, for Q with Box (1954) where theirs is not defined; F for T²; reconstruction-based contributions by
//! Alcala & Qin (2009), Automatica 45, 1593-1600, to the combined index of Yue & Qin (2001), Ind. Eng. Chem. Res. 40, 4403-4414. Deliberately not
//! here: smoothing, and limits from the rows themselves.

use ndarray::Array2;
use ndarray_linalg::{Eigh, UPLO};
use statrs::distribution::{ChiSquared, ContinuousCDF, FisherSnedecor, Normal};

/// Share of the variance the plane holds.
const EXPLAINED: f64 = 0.9;
/// Probability of a healthy row beyond a theoretical limit.
const BEYOND: f64 = 1e-4;
/// A direction with less than this variance is rounding.
const LEAST_VARIANCE: f64 = 1e-9;

/// The plane of usual variation of `width` sensors.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plane {
    pub(super) width: usize,
    /// Unit vectors, one after another.
    pub(super) directions: Vec<f64>,
    /// Variance along each.
    pub(super) variances: Vec<f64>,
    /// Limit of T² by the F distribution.
    pub(super) inside: f64,
    /// Limit of Q.
    pub(super) off: f64,
}

impl Plane {
    /// Learns from `samples` rows with second moments `moments` (`width` × `width`, centred on zero); `None` where LAPACK finds no solution.
    pub(super) fn fit(moments: Vec<f64>, width: usize, samples: usize) -> Option<Self> {
        let matrix = Array2::from_shape_vec((width, width), moments).ok()?;
        let (values, vectors) = matrix.eigh(UPLO::Lower).ok()?;
        let values: Vec<f64> = values.iter().rev().map(|v| v.max(0.0)).collect();
        let total: f64 = values.iter().sum();
        let mut held = 0.0;
        let kept = values.iter().take_while(|v| {
            let open = held < EXPLAINED * total && **v > LEAST_VARIANCE;
            held += **v;
            open
        });
        let kept = kept.count().min(width.saturating_sub(1));
        let mut directions = Vec::with_capacity(kept * width);
        for k in 0..kept {
            let vector = vectors.column(width - 1 - k);
            // The sign of an eigenvector is LAPACK's whim; a fixed one makes equal input give equal bytes.
            let largest = vector.iter().copied().fold(0.0_f64, |top, v| if v.abs() > top.abs() { v } else { top });
            directions.extend(vector.iter().map(|v| v * largest.signum()));
        }
        let (inside, off) = (f_limit(kept, samples), q_limit(&values[kept..]));
        Some(Self { width, directions, variances: values[..kept].to_vec(), inside, off })
    }

    /// T² and Q of one row.
    pub(super) fn statistics(&self, row: &[f64]) -> (f64, f64) {
        let mut off: f64 = row.iter().map(|v| v * v).sum();
        let mut inside = 0.0;
        for (direction, variance) in self.directions.chunks_exact(self.width).zip(&self.variances) {
            let along: f64 = direction.iter().zip(row).map(|(d, v)| d * v).sum();
            inside += along * along / variance;
            off -= along * along;
        }
        (inside, off.max(0.0))
    }

    /// What each sensor takes off Q / `off` + T² / `inside` if it reads what the others say (reconstruction along both at once). Off the plane alone,
    /// a sensor that the plane holds could stand for any other at the price of an absurd reading; what that does inside the plane forbids it.
    pub(super) fn by_sensor(&self, row: &[f64], inside: f64, off: f64) -> Vec<f64> {
        let (mut way, mut own): (Vec<f64>, _) = (row.iter().map(|v| v / off).collect(), vec![1.0 / off; self.width]);
        for (direction, variance) in self.directions.chunks_exact(self.width).zip(&self.variances) {
            let along: f64 = direction.iter().zip(row).map(|(d, v)| d * v).sum();
            let weight = 1.0 / (variance * inside) - 1.0 / off;
            for ((way, own), d) in way.iter_mut().zip(&mut own).zip(direction) {
                *way += weight * along * d;
                *own += weight * d * d;
            }
        }
        way.iter().zip(own).map(|(way, own)| if own > 0.0 { way * way / own } else { 0.0 }).collect()
    }
}

fn f_limit(kept: usize, samples: usize) -> f64 {
    let (k, n) = (kept as f64, samples as f64);
    match FisherSnedecor::new(k, n - k) {
        Ok(f) if kept > 0 && n > k + 1.0 => k * (n - 1.0) * (n + 1.0) / (n * (n - k)) * f.inverse_cdf(1.0 - BEYOND),
        _ => f64::INFINITY,
    }
}

fn q_limit(rest: &[f64]) -> f64 {
    let theta = |power: i32| rest.iter().map(|v| v.powi(power)).sum::<f64>();
    let (one, two, three) = (theta(1), theta(2), theta(3));
    if one <= 0.0 || two <= 0.0 {
        return f64::INFINITY;
    }
    let h = 1.0 - 2.0 * one * three / (3.0 * two * two);
    let normal = Normal::standard().inverse_cdf(1.0 - BEYOND);
    let base = normal * (2.0 * two * h * h).sqrt() / one + 1.0 + two * h * (h - 1.0) / (one * one);
    let jackson = one * base.powf(1.0 / h);
    if h > 0.0 && base > 0.0 && jackson.is_finite() {
        return jackson;
    }
    ChiSquared::new(one * one / two).map_or(f64::INFINITY, |chi| two / one * chi.inverse_cdf(1.0 - BEYOND))
}

#[cfg(test)]
mod tests {
    use super::{Plane, q_limit};

    /// Three sensors: the first two go together, the third alone and little.
    fn plane() -> Plane {
        Plane::fit(vec![1.0, 0.98, 0.0, 0.98, 1.0, 0.0, 0.0, 0.0, 0.1], 3, 1000).unwrap()
    }

    #[test]
    fn tells_usual_from_unusual_directions() {
        let plane = plane();
        assert_eq!(plane.variances.len(), 1);
        let (inside, off) = plane.statistics(&[2.0, 2.0, 0.0]);
        assert!(inside < plane.inside && off < 1e-12, "{inside} {off}");
        let (_, apart) = plane.statistics(&[2.0, -2.0, 0.0]);
        assert!(apart > plane.off, "{apart} {}", plane.off);
        let (far, _) = plane.statistics(&[9.0, 9.0, 0.0]);
        assert!(far > plane.inside, "{far} {}", plane.inside);
    }

    #[test]
    fn names_the_sensor() {
        let plane = plane();
        let (inside, off) = (plane.inside, plane.off);
        let share = plane.by_sensor(&[0.0, 0.0, 3.0], inside, off);
        assert!((share[2] - 9.0 / off).abs() < 1e-9 && share[0] < 1e-9);
        // A reconstruction takes all of it away when one sensor alone is wrong.
        let row = [0.0, 4.0, 0.0];
        let (t2, q) = plane.statistics(&row);
        let share = plane.by_sensor(&row, inside, off);
        assert!((share[1] - q / off - t2 / inside).abs() < 1e-9 && share[1] > share[0], "{share:?} {q} {t2}");
    }

    #[test]
    fn blames_no_sensor_that_would_have_to_read_the_absurd() {
        // The second and third go together, the first nearly alone: what it lends to the space off the plane points where the second errs.
        let plane = Plane::fit(vec![1.0, 0.03, 0.0, 0.03, 1.0, 0.9, 0.0, 0.9, 1.0], 3, 1000).unwrap();
        assert_eq!(plane.variances.len(), 2);
        let share = plane.by_sensor(&[0.0, 6.0, 0.0], plane.inside, plane.off);
        assert!(share[1] > share[2] && share[0] < 0.05 * share[1], "{share:?}");
    }

    #[test]
    fn limits_are_those_of_jackson_and_mudholkar_a_little_beyond_the_exact_ones() {
        // Equal variances make Q a chi-square. With h = 1/3 the limit is the cube of Wilson and Hilferty, which at 0.9999 lies beyond the exact
        // quantile by 2.2 % for 5 degrees of freedom and 0.07 % for 100 (scipy.stats.chi2.ppf).
        for (count, cube, exact) in [(5, 26.321644, 25.744832), (20, 52.665220, 52.385973), (100, 161.435233, 161.318657)] {
            let limit = q_limit(&vec![1.0; count]);
            assert!((limit - cube).abs() < 1e-4 * cube && limit > exact && limit < 1.025 * exact, "{count}: {limit}");
        }
        assert_eq!(q_limit(&[]), f64::INFINITY);
    }
}
