//! How much each series' forecast is believed, and how far their errors go together.
//!
//! In: vectors of past errors, one value per node. Out: deviations and a correlation matrix, which together are the `W` of MinT.
//! Three strengths: all alike (OLS), by size or by variance (WLS), and the full shrunk covariance.

use super::{Hierarchy, ReconcileError};
use ndarray::{ArcArray2, Array2};

/// Fewest vectors of errors behind a correlation. Shrinkage keeps any number solvable; below this it is nearly all shrinkage.
const LEAST: usize = 20;

/// Covariance of the errors of all nodes: `deviation_i × correlation_ij × deviation_j`.
#[derive(Debug, Clone, PartialEq)]
pub struct Covariance {
    /// Standard deviation of the errors per node, stored unit; positive.
    pub(super) deviations: Vec<f64>,
    /// `[node][node]`; `None` for no correlation.
    pub(super) correlation: Option<ArcArray2<f64>>,
    shrinkage: f64,
}

impl Covariance {
    /// All nodes alike: ordinary least squares (Hyndman et al. 2011, Computational Statistics & Data Analysis 55(9)).
    pub fn alike(nodes: usize) -> Self {
        Self { deviations: vec![1.0; nodes], correlation: None, shrinkage: 1.0 }
    }

    /// By the number of bottom nodes a node is made of: what is left when no error is known (Athanasopoulos et al. 2017,
    /// European Journal of Operational Research 262(1)).
    pub fn structural(hierarchy: &Hierarchy) -> Self {
        let size = |row: &Vec<f64>| row.iter().map(|factor| factor.abs()).sum::<f64>().max(1.0).sqrt();
        Self { deviations: hierarchy.sums().iter().map(size).collect(), correlation: None, shrinkage: 1.0 }
    }

    /// By the mean square of past errors; nodes without errors are sized by [`Self::structural`].
    ///
    /// # Errors
    /// [`ReconcileError::Length`] for a vector that is not one value per node.
    pub fn variance(hierarchy: &Hierarchy, errors: &[Vec<f64>]) -> Result<Self, ReconcileError> {
        check(hierarchy, errors)?;
        let square = |node: usize| mean(errors.iter().map(|row| row[node]).filter(|e| e.is_finite()).map(|e| e * e));
        let deviations: Vec<Option<f64>> = (0..hierarchy.len()).map(|node| square(node).map(f64::sqrt)).collect();
        Ok(Self { deviations: filled(hierarchy, &deviations), correlation: None, shrinkage: 1.0 })
    }

    /// The covariance of past errors with correlations shrunk towards zero by the least expected squared error: Schäfer and
    /// Strimmer (2005), Statistical Applications in Genetics and Molecular Biology 4(1), as MinT uses it (Wickramasuriya,
    /// Athanasopoulos and Hyndman 2019, Journal of the American Statistical Association 114). NaN where an error is unknown.
    ///
    /// `repeats` is how many vectors say nearly the same, for example the neighbouring leads of one forecast that were pooled;
    /// the shrinkage is that much stronger. 1 for independent vectors.
    ///
    /// # Errors
    /// [`ReconcileError::Length`] for a vector that is not one value per node.
    pub fn shrunk(hierarchy: &Hierarchy, errors: &[Vec<f64>], repeats: f64) -> Result<Self, ReconcileError> {
        check(hierarchy, errors)?;
        let n = hierarchy.len();
        let mut deviations = vec![None; n];
        let mut scaled = vec![vec![f64::NAN; errors.len()]; n];
        for (node, column) in scaled.iter_mut().enumerate() {
            let known = || errors.iter().map(|row| row[node]).filter(|e| e.is_finite());
            let (Some(center), count) = (mean(known()), known().count()) else { continue };
            let sum: f64 = known().map(|e| (e - center) * (e - center)).sum();
            if count < 2 || sum <= 0.0 {
                continue;
            }
            deviations[node] = Some((sum / (count - 1) as f64).sqrt());
            let population = (sum / count as f64).sqrt();
            column.iter_mut().zip(errors).for_each(|(cell, row)| *cell = (row[node] - center) / population);
        }
        let mut correlation = Array2::eye(n);
        let (mut doubt, mut strength) = (0.0, 0.0);
        for i in 0..n {
            for j in 0..i {
                let products = || scaled[i].iter().zip(&scaled[j]).map(|(a, b)| a * b).filter(|p| p.is_finite());
                let (Some(r), count) = (mean(products()), products().count() as f64) else { continue };
                if count < 3.0 {
                    continue;
                }
                doubt += products().map(|p| (p - r) * (p - r)).sum::<f64>() / (count * (count - 1.0));
                strength += r * r;
                correlation[[i, j]] = r.clamp(-1.0, 1.0);
                correlation[[j, i]] = correlation[[i, j]];
            }
        }
        let shrinkage = if strength > 0.0 { (repeats.max(1.0) * doubt / strength).clamp(0.0, 1.0) } else { 1.0 };
        correlation.indexed_iter_mut().filter(|((i, j), _)| i != j).for_each(|(_, r)| *r *= 1.0 - shrinkage);
        Ok(Self { deviations: filled(hierarchy, &deviations), correlation: Some(correlation.into_shared()), shrinkage })
    }

    /// The strongest of the above that the number of known errors allows.
    ///
    /// # Errors
    /// [`ReconcileError::Length`] for a vector that is not one value per node.
    pub fn fit(hierarchy: &Hierarchy, errors: &[Vec<f64>], repeats: f64) -> Result<Self, ReconcileError> {
        let independent = errors.len() as f64 / repeats.max(1.0);
        match errors {
            [] => Ok(Self::structural(hierarchy)),
            _ if independent < LEAST as f64 => Self::variance(hierarchy, errors),
            _ => Self::shrunk(hierarchy, errors, repeats),
        }
    }

    /// The same correlations with other deviations, one per node: those of today's forecasts instead of those of past errors, so
    /// that a PV plant is moved at noon and not at dusk. A deviation of 0 says that a value is certain.
    pub fn scaled(&self, deviations: &[f64]) -> Self {
        let largest = deviations.iter().copied().filter(|d| d.is_finite()).fold(0.0, f64::max);
        if largest <= 0.0 {
            return self.clone();
        }
        // Certain values move by a millionth of a millionth of what the least certain one does.
        let floor = 1e-6 * largest;
        let deviations = deviations.iter().map(|d| if d.is_finite() { d.max(floor) } else { largest }).collect();
        Self { deviations, correlation: self.correlation.clone(), shrinkage: self.shrinkage }
    }

    /// Without its correlations.
    pub(super) fn uncorrelated(&self) -> Self {
        Self { deviations: self.deviations.clone(), correlation: None, shrinkage: 1.0 }
    }

    /// How far correlations were drawn to zero: 0 not at all, 1 entirely.
    pub fn shrinkage(&self) -> f64 {
        self.shrinkage
    }

    /// Covariance of two nodes, stored unit squared.
    pub fn at(&self, i: usize, j: usize) -> f64 {
        let product = self.deviations[i] * self.deviations[j];
        match &self.correlation {
            Some(correlation) => product * correlation[[i, j]],
            None if i == j => product,
            None => 0.0,
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

fn check(hierarchy: &Hierarchy, errors: &[Vec<f64>]) -> Result<(), ReconcileError> {
    let wrong = errors.iter().find(|row| row.len() != hierarchy.len());
    wrong.map_or(Ok(()), |row| Err(ReconcileError::Length { nodes: hierarchy.len(), values: row.len() }))
}

/// Deviations of nodes without errors from their size, in the scale of the nodes with errors.
fn filled(hierarchy: &Hierarchy, deviations: &[Option<f64>]) -> Vec<f64> {
    let sizes = Covariance::structural(hierarchy).deviations;
    let known = |d: &Option<f64>| d.filter(|d| *d > 0.0);
    let unit = mean(deviations.iter().zip(&sizes).filter_map(|(d, size)| Some(known(d)? / size))).unwrap_or(1.0);
    // A series that never erred is trusted, but stays below the others by a margin that can still be solved.
    let least = 1e-6 * unit;
    deviations.iter().zip(&sizes).map(|(d, size)| d.map_or(unit * size, |d| d.max(least))).collect()
}
