//! Coherent forecasts: values of a hierarchy moved, as little as their errors warrant, until parts add up to wholes.
//!
//! In: a [`Hierarchy`], a [`Covariance`] of past errors, values of all nodes at one step: means or one joint scenario. Out: values
//! that add up. MinT (Wickramasuriya, Athanasopoulos and Hyndman 2019, Journal of the American Statistical Association 114) as a
//! projection: `y − W Cᵀ (C W Cᵀ)⁻¹ C y` with `C y = 0` the equations that must hold; solved by Cholesky, nothing is inverted.
//! Quantiles are those of reconciled scenarios (Panagiotelis et al. 2023, European Journal of Operational Research 306(2)):
//! quantiles themselves do not add up and are not meant to. Not here: whole forecasts with their times (`evaluate::coherence`).

mod covariance;
mod hierarchy;

pub use covariance::Covariance;
pub use hierarchy::{Hierarchy, Layout, Node, Series};

use hierarchy::Equation;
use ndarray::{Array1, Array2};
use ndarray_linalg::error::LinalgError;
use ndarray_linalg::{FactorizeC, SolveC, UPLO};

/// Why forecasts could not be made coherent.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReconcileError {
    /// A series has two nodes.
    #[error("{series} is in the hierarchy twice: give each series one node with all its parts")]
    Twice {
        /// Which series.
        series: String,
    },
    /// A part is no node.
    #[error("{part}, a part of {series}, is not in the hierarchy: add a node for it")]
    UnknownPart {
        /// The sum.
        series: String,
        /// The part.
        part: String,
    },
    /// A factor that says nothing.
    #[error("{part} counts {factor} times in {series}: use 1, or -1 for what is taken off")]
    Factor {
        /// The sum.
        series: String,
        /// The part.
        part: String,
        /// The factor.
        factor: f64,
    },
    /// A series is part of itself.
    #[error("{series} is, by way of its parts, a part of itself: take one of them out")]
    Circle {
        /// A series on the circle or above it.
        series: String,
    },
    /// Values that are not one per node.
    #[error("{values} values for {nodes} nodes: give one per node, NaN where there is none")]
    Length {
        /// Nodes of the hierarchy.
        nodes: usize,
        /// Values given.
        values: usize,
    },
    /// Linear algebra gave up.
    #[error("the sums of {nodes} series could not be solved: {reason}")]
    Unsolvable {
        /// Nodes of the hierarchy.
        nodes: usize,
        /// What LAPACK said.
        reason: String,
    },
}

/// The way from any values of the present nodes to coherent ones, ready to be applied many times.
#[derive(Debug, Clone)]
pub struct Projection<'a> {
    layout: &'a Layout,
    /// `W Cᵀ (C W Cᵀ)⁻¹`, a row per node, a column per equation.
    gain: Array2<f64>,
}

impl<'a> Projection<'a> {
    /// Solves for the equations of a layout.
    ///
    /// # Errors
    /// [`ReconcileError::Length`] for a covariance of other nodes; [`ReconcileError::Unsolvable`] when LAPACK gives up even
    /// without correlations.
    pub fn new(layout: &'a Layout, covariance: &Covariance) -> Result<Self, ReconcileError> {
        if covariance.deviations.len() != layout.len() {
            return Err(ReconcileError::Length { nodes: layout.len(), values: covariance.deviations.len() });
        }
        // Correlations of errors that were not all known at once need not be positive definite; variances always are.
        let gain = gain(layout, covariance)
            .or_else(|_| gain(layout, &covariance.uncorrelated()))
            .map_err(|error| ReconcileError::Unsolvable { nodes: layout.len(), reason: error.to_string() })?;
        Ok(Self { layout, gain })
    }

    /// Makes `values` coherent, in place: one per node, stored unit. Absent nodes are written where they follow from the
    /// others and NaN elsewhere. Nodes nothing else follows from stay within `bounds` (one pair per node); sums are then sums of
    /// what they became, so coherence holds to rounding.
    ///
    /// # Errors
    /// [`ReconcileError::Length`] when there is not one value and one pair of bounds per node.
    pub fn apply(&self, values: &mut [f64], bounds: &[(f64, f64)]) -> Result<(), ReconcileError> {
        let nodes = self.layout.len();
        for given in [values.len(), bounds.len()] {
            if given != nodes {
                return Err(ReconcileError::Length { nodes, values: given });
            }
        }
        let gaps: Vec<f64> = self.layout.dependent.iter().map(|equation| gap(equation, values)).collect();
        for (node, value) in values.iter_mut().enumerate().filter(|(node, _)| self.layout.is_present(*node)) {
            let moved: f64 = self.gain.row(node).iter().zip(&gaps).map(|(g, gap)| g * gap).sum();
            *value = (*value - moved).max(bounds[node].0).min(bounds[node].1);
        }
        self.layout.complete(values);
        Ok(())
    }
}

/// How far an equation is from holding.
fn gap(equation: &Equation, values: &[f64]) -> f64 {
    values[equation.node] - equation.terms.iter().map(|&(at, factor)| factor * values[at]).sum::<f64>()
}

fn gain(layout: &Layout, covariance: &Covariance) -> Result<Array2<f64>, LinalgError> {
    let (n, m) = (layout.len(), layout.dependent.len());
    // W Cᵀ: covariance of every node with every gap.
    let mut shared = Array2::<f64>::zeros((n, m));
    for (column, equation) in layout.dependent.iter().enumerate() {
        let mut add = |with: usize, factor: f64| match covariance.correlation {
            Some(_) => (0..n).for_each(|node| shared[[node, column]] += factor * covariance.at(node, with)),
            None => shared[[with, column]] += factor * covariance.at(with, with),
        };
        add(equation.node, 1.0);
        equation.terms.iter().for_each(|&(at, factor)| add(at, -factor));
    }
    if m == 0 {
        return Ok(shared);
    }
    let mut system = Array2::<f64>::zeros((m, m));
    for (row, equation) in layout.dependent.iter().enumerate() {
        for column in 0..m {
            let others: f64 = equation.terms.iter().map(|&(at, factor)| factor * shared[[at, column]]).sum();
            system[[row, column]] = shared[[equation.node, column]] - others;
        }
    }
    // Gaps in units of their own deviation: a nation's and a turbine's differ by orders of magnitude.
    let units: Vec<f64> = (0..m).map(|at| system[[at, at]].max(f64::MIN_POSITIVE).sqrt()).collect();
    let balanced = Array2::from_shape_fn((m, m), |(i, j)| 0.5 * (system[[i, j]] + system[[j, i]]) / (units[i] * units[j]));
    let factor = balanced.factorizec(UPLO::Lower)?;
    for mut row in shared.rows_mut() {
        let right: Array1<f64> = row.iter().zip(&units).map(|(cell, unit)| cell / unit).collect();
        let solved = factor.solvec(&right)?;
        row.iter_mut().zip(solved.iter().zip(&units)).for_each(|(cell, (value, unit))| *cell = value / unit);
    }
    Ok(shared)
}

#[cfg(test)]
mod tests;
