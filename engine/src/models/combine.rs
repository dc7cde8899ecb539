//! Mixtures: weights of several paths, per stretch of leads, from the products of their recent errors.
//!
//! In: errors of all candidates at the same steps. Out: weights, non-negative with sum one, that would have had the least
//! squared error, drawn towards equal shares. Bates and Granger (1969).

use serde::{Deserialize, Serialize};

/// Upper edges of the stretches of leads, hours.
const EDGES: [usize; 5] = [1, 3, 6, 24, 48];

/// Discounted products of errors.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mixture {
    count: usize,
    half_life_days: f64,
    products: Vec<Vec<f64>>,
    weights: Vec<Vec<f64>>,
    upto: f64,
}

/// Stretch of a lead.
fn stretch(lead: usize, hour: usize) -> usize {
    EDGES.iter().position(|edge| lead < edge * hour).unwrap_or(EDGES.len())
}

impl Mixture {
    /// For `count` candidates.
    pub fn new(count: usize, half_life_days: f64) -> Self {
        let empty = vec![vec![0.0; count * count]; EDGES.len() + 1];
        Self { count, half_life_days, products: empty.clone(), weights: empty, upto: 0.0 }
    }

    /// Lets what is known fade until `day` (days since any start).
    pub fn fade(&mut self, day: f64) {
        let factor = 0.5_f64.powf((day - self.upto).max(0.0) / self.half_life_days);
        self.upto = self.upto.max(day);
        self.products.iter_mut().chain(&mut self.weights).flatten().for_each(|cell| *cell *= factor);
    }

    /// Adds the errors of one step, NaN where a candidate had no forecast.
    pub fn push(&mut self, lead: usize, hour: usize, errors: &[f64]) {
        let place = stretch(lead, hour);
        let (products, weights) = (&mut self.products[place], &mut self.weights[place]);
        for (i, a) in errors.iter().enumerate().filter(|(_, a)| a.is_finite()) {
            for (j, b) in errors.iter().enumerate().filter(|(_, b)| b.is_finite()) {
                products[i * self.count + j] += a * b;
                weights[i * self.count + j] += 1.0;
            }
        }
    }

    /// Weights per stretch of leads, using only candidates that are `present`; `None` while nothing is known.
    pub fn weights(&self, present: &[bool]) -> Option<Vec<Vec<f64>>> {
        let solved: Vec<Option<Vec<f64>>> = (0..=EDGES.len()).map(|place| self.solve(place, present)).collect();
        let fallback = solved.iter().flatten().next()?.clone();
        Some(solved.into_iter().map(|weights| weights.unwrap_or_else(|| fallback.clone())).collect())
    }

    fn solve(&self, place: usize, present: &[bool]) -> Option<Vec<f64>> {
        let n = self.count;
        let mean = |i: usize, j: usize| self.products[place][i * n + j] / self.weights[place][i * n + j].max(1e-12);
        let most = (0..n).filter(|&i| present[i]).map(|i| self.weights[place][i * n + i]).fold(0.0, f64::max);
        let seasoned = |i: usize| present[i] && most > 0.0 && self.weights[place][i * n + i] > 0.7 * most;
        let best = (0..n).filter(|&i| seasoned(i)).map(|i| mean(i, i)).fold(f64::INFINITY, f64::min);
        if !best.is_finite() {
            return None;
        }
        let active: Vec<usize> = (0..n).filter(|&i| seasoned(i) && mean(i, i) <= 4.0 * best).collect();
        let m = active.len();
        let shrink = 0.1 * best.max(f64::MIN_POSITIVE);
        let mut weights = vec![1.0 / m as f64; m];
        let mut gradient = vec![0.0; m];
        // Pairwise descent on the simplex: move weight from the worst held candidate to the best one, by the exact step.
        for _ in 0..200 {
            for (a, g) in gradient.iter_mut().enumerate() {
                let products: f64 = (0..m).map(|b| mean(active[a], active[b]) * weights[b]).sum();
                *g = products + shrink * (weights[a] - 1.0 / m as f64);
            }
            let up = (0..m).min_by(|&a, &b| gradient[a].total_cmp(&gradient[b]))?;
            let down = (0..m).filter(|&a| weights[a] > 0.0).max_by(|&a, &b| gradient[a].total_cmp(&gradient[b]))?;
            let (i, j) = (active[up], active[down]);
            let curve = mean(i, i) + mean(j, j) - 2.0 * mean(i, j) + 2.0 * shrink;
            let slope = gradient[down] - gradient[up];
            if up == down || slope <= 1e-9 * best || curve <= 0.0 {
                break;
            }
            let step = (slope / curve).min(weights[down]);
            weights[up] += step;
            weights[down] -= step;
        }
        let mut all = vec![0.0; n];
        active.iter().zip(weights).for_each(|(&i, w)| all[i] = w);
        Some(all)
    }
}

/// The weights of [`Mixture::weights`] that hold at a lead, one per candidate.
pub fn mixed_at(weights: &[Vec<f64>], lead: usize, hour: usize) -> &[f64] {
    &weights[stretch(lead, hour)]
}

/// The weighted path of several; `paths[candidate]` is `None` where there is none.
pub fn mixture(weights: &[Vec<f64>], paths: &[Option<&[f64]>], horizon: usize, hour: usize) -> Vec<f64> {
    let value = |k: usize| {
        let row = mixed_at(weights, k, hour);
        paths.iter().zip(row).filter_map(|(path, w)| Some(w * path.as_ref()?.get(k)?)).sum()
    };
    (0..horizon).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::Mixture;

    #[test]
    fn opposite_errors_share_and_bad_ones_are_left_out() {
        let mut mixture = Mixture::new(3, 10.0);
        for i in 0..100 {
            let e = if i % 2 == 0 { 1.0 } else { -1.0 };
            mixture.push(0, 1, &[e, -e, 50.0]);
        }
        let weights = mixture.weights(&[true, true, true]).unwrap();
        assert!((weights[0][0] - 0.5).abs() < 1e-6 && weights[0][2] == 0.0);
        let alone = mixture.weights(&[true, false, true]).unwrap();
        assert_eq!(alone[0][0], 1.0);
        assert!(Mixture::new(2, 1.0).weights(&[true, true]).is_none());
    }
}
