//! Weighted ridge regression on standardised columns, by Cholesky.
//!
//! In: rows pushed one by one. Out: [`LinearFit`]. Missing features count as their column's mean. Sums run in one thread and
//! one order, so the same rows give the same bytes.

use ndarray::{Array1, Array2};
use ndarray_linalg::{Factorize, Solve, UPLO, cholesky::CholeskyInto, error::LinalgError};
use ndarray_linalg::{SolveTriangular, Diag};

/// Collected rows of a regression.
#[derive(Debug, Clone, Default)]
pub struct Gram {
    width: usize,
    rows: Vec<f64>,
    targets: Vec<f64>,
    weights: Vec<f64>,
}

/// Coefficients on standardised features.
#[derive(Debug, Clone)]
pub struct LinearFit {
    means: Vec<f64>,
    scaled: Vec<f64>,
    intercept: f64,
}
