//! Linear regression on seasons for many series, with quantiles: one Gram matrix for all.
//!
//! In: one series. Out: path and quantiles. The columns (harmonics of the first season; for each further one its days and how they
//! change the first harmonic) depend on the grid alone, so the matrix is factored once; a series costs its products with the columns.
//! These are kept by fifths of the history, and each fifth is predicted from the other four by a matrix of its own: the errors are
//! honest, they say how much of each group of columns to keep (stacking: Breiman 1996), and the quantiles are theirs. The
//! rest is carried forward by regressions per lead ([`Remainder`]).

use super::remainder::Remainder;
use super::{Grid, PanelError, PanelForecaster, dot, enough, fill, floor, total};
use crate::domain::Quantile;
use ndarray::Array2;
use ndarray_linalg::InverseC;
use std::f64::consts::TAU;

/// Parts of the history, each predicted from the others.
const PARTS: usize = 5;
/// Harmonics of the first season.
const HARMONICS: usize = 12;
/// Harmonics of a further season that is not a few of the first.
const SMOOTH: usize = 6;
/// Seasons of up to so many first seasons get a level for each of them: the days of a week.
const DAYS: usize = 7;
/// A coefficient is drawn to zero as by so many rows without it.
const RIDGE: f64 = 4.0;

/// Plan and buffers of the linear model.
#[derive(Debug, Clone)]
pub struct LinearPanel {
    grid: Grid,
    quantiles: Vec<Quantile>,
    /// `[column][step]`, history and horizon.
    columns: Vec<Vec<f64>>,
    /// First column of each group; the first group is the constant.
    groups: Vec<usize>,
    /// Inverse matrices: without each part, then of all.
    inverses: Vec<Vec<f64>>,
    remainder: Remainder,
    filled: Vec<f64>,
    left: Vec<f64>,
    /// `[part][column]`.
    products: Vec<f64>,
    right: Vec<f64>,
    coefficients: Vec<f64>,
    /// `[group][step]`: what each group says of each step, from the other parts.
    says: Vec<Vec<f64>>,
}

fn wave(steps: usize, phase: usize, cycles: f64, quarter: bool) -> Vec<f64> {
    let turn = |t: usize| {
        let angle = TAU * ((t + phase) as f64 / cycles).fract();
        if quarter { angle.cos() } else { angle.sin() }
    };
    (0..steps).map(turn).collect()
}

/// The columns of a grid, and where groups begin.
fn columns(grid: &Grid) -> (Vec<Vec<f64>>, Vec<usize>) {
    let steps = grid.length + grid.horizon;
    let mut columns = vec![vec![1.0; steps]];
    let mut groups = vec![0];
    let Some(&first) = grid.seasons.first() else { return (columns, groups) };
    groups.push(columns.len());
    for k in 1..=HARMONICS.min((first - 1) / 2).max(1) {
        for quarter in [false, true].into_iter().take(if first == 2 { 1 } else { 2 }) {
            // A season of two steps has one wave: its sine at the half step is zero.
            let quarter = quarter || first == 2;
            columns.push(wave(steps, grid.phase, first as f64 / k as f64, quarter));
        }
    }
    let daily = [columns[1].clone(), columns.get(2).cloned().unwrap_or_default()];
    for &season in &grid.seasons[1..] {
        groups.push(columns.len());
        let days = season / first;
        if !season.is_multiple_of(first) || days > DAYS {
            for k in 1..=SMOOTH.min((season - 1) / 2) {
                columns.extend([false, true].map(|quarter| wave(steps, grid.phase, season as f64 / k as f64, quarter)));
            }
            continue;
        }
        for day in 1..days {
            // One level for each day against the first: they sum to nothing over a season.
            let level = |t: usize| match (t + grid.phase) / first % days {
                0 => -1.0,
                d if d == day => 1.0,
                _ => 0.0,
            };
            let level: Vec<f64> = (0..steps).map(level).collect();
            let products =
                daily.iter().filter(|wave| !wave.is_empty()).map(|wave| level.iter().zip(wave).map(|(a, b)| a * b).collect());
            let products: Vec<Vec<f64>> = products.collect();
            columns.push(level);
            columns.extend(products);
        }
    }
    (columns, groups)
}

fn part(length: usize, part: usize) -> (usize, usize) {
    (part * length / PARTS, (part + 1) * length / PARTS)
}

/// Gram matrix of the rows of a part.
fn gram(columns: &[Vec<f64>], (from, to): (usize, usize)) -> Array2<f64> {
    let p = columns.len();
    let mut gram = Array2::zeros((p, p));
    for i in 0..p {
        for j in 0..=i {
            let product = dot(&columns[i][from..to], &columns[j][from..to]);
            gram[(i, j)] = product;
            gram[(j, i)] = product;
        }
    }
    gram
}

/// Inverse of the sum of all Gram matrices but one (`PARTS`: of all), with the ridge.
fn inverse(grams: &[Array2<f64>], without: usize) -> Result<Vec<f64>, PanelError> {
    let p = grams[0].nrows();
    let mut sum = Array2::from_shape_fn((p, p), |(i, j)| if i == j && i > 0 { RIDGE } else { 0.0 });
    grams.iter().enumerate().filter(|(b, _)| *b != without).for_each(|(_, gram)| sum += gram);
    let inverse = sum.invc().map_err(|cause| PanelError::Unsolvable { model: "linear", reason: cause.to_string() })?;
    Ok(inverse.iter().copied().collect())
}

impl LinearPanel {
    /// A plan for series of that shape.
    ///
    /// # Errors
    /// [`PanelError::Grid`], [`PanelError::TooShort`]: three whole periods of the longest season are needed; [`PanelError::Unsolvable`].
    pub fn new(grid: &Grid, quantiles: &[Quantile]) -> Result<Self, PanelError> {
        grid.check("linear", 3)?;
        let n = grid.length;
        let (columns, groups) = columns(grid);
        let grams: Vec<Array2<f64>> = (0..PARTS).map(|b| gram(&columns, part(n, b))).collect();
        let inverses: Vec<Vec<f64>> = (0..=PARTS).map(|without| inverse(&grams, without)).collect::<Result<_, _>>()?;
        let p = columns.len();
        Ok(Self {
            remainder: Remainder::new(grid, quantiles),
            filled: Vec::with_capacity(n),
            left: vec![0.0; n],
            products: vec![0.0; PARTS * p],
            right: vec![0.0; p],
            coefficients: vec![0.0; p],
            says: vec![vec![0.0; n]; groups.len()],
            quantiles: quantiles.to_vec(),
            grid: grid.clone(),
            columns,
            groups,
            inverses,
        })
    }

    /// Columns of a group.
    fn group(&self, which: usize) -> std::ops::Range<usize> {
        self.groups[which]..self.groups.get(which + 1).copied().unwrap_or(self.columns.len())
    }

    /// Products of the series with all columns, per part.
    fn multiply(&mut self) {
        let p = self.columns.len();
        for b in 0..PARTS {
            let (from, to) = part(self.grid.length, b);
            for (cell, column) in self.products[b * p..(b + 1) * p].iter_mut().zip(&self.columns) {
                *cell = dot(&column[from..to], &self.filled[from..to]);
            }
        }
    }

    /// Coefficients without a part (`PARTS`: with all).
    fn solve(&mut self, without: usize) {
        let p = self.columns.len();
        self.right.fill(0.0);
        for b in (0..PARTS).filter(|b| *b != without) {
            for (right, product) in self.right.iter_mut().zip(&self.products[b * p..(b + 1) * p]) {
                *right += product;
            }
        }
        let inverse = &self.inverses[without];
        for (coefficient, row) in self.coefficients.iter_mut().zip(inverse.chunks_exact(p)) {
            *coefficient = dot(row, &self.right);
        }
    }

    /// What each group says of each part, learnt from the others.
    fn cross_validate(&mut self) {
        for b in 0..PARTS {
            self.solve(b);
            let (from, to) = part(self.grid.length, b);
            for which in 0..self.groups.len() {
                let range = self.group(which);
                let says = &mut self.says[which][from..to];
                says.fill(0.0);
                for j in range {
                    let coefficient = self.coefficients[j];
                    for (say, x) in says.iter_mut().zip(&self.columns[j][from..to]) {
                        *say += coefficient * x;
                    }
                }
            }
        }
    }

    /// Fills gaps from a fit of everything.
    fn refill(&mut self, history: &[f64]) {
        self.multiply();
        self.solve(PARTS);
        for (t, filled) in self.filled.iter_mut().enumerate().filter(|(t, _)| !history[*t].is_finite()) {
            *filled = self.coefficients.iter().zip(&self.columns).map(|(c, column)| c * column[t]).sum();
        }
    }

    /// How much of a group to keep, in `[0, 1]`: slope of what the groups before leave on what it says of parts it has not seen.
    fn keep(&self, which: usize) -> f64 {
        let says = &self.says[which];
        let power = dot(says, says);
        if power > 0.0 { (dot(says, &self.left) / power).clamp(0.0, 1.0) } else { 0.0 }
    }
}

impl PanelForecaster for LinearPanel {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn quantiles(&self) -> &[Quantile] {
        &self.quantiles
    }

    fn bytes(&self) -> usize {
        let lists = self.columns.iter().chain(&self.inverses).chain(&self.says);
        let numbers = [&self.filled, &self.left, &self.products, &self.right, &self.coefficients];
        8 * (lists.map(Vec::capacity).sum::<usize>() + numbers.iter().map(|v| v.capacity()).sum::<usize>()) + self.remainder.bytes()
    }

    fn forecast(&mut self, history: &[f64], path: &mut [f64], bands: &mut [f64]) -> Result<(), PanelError> {
        let n = self.grid.length;
        let period = self.grid.seasons.last().copied().unwrap_or(1);
        let known = fill(history, period, &mut self.filled);
        enough(self.name(), known, n)?;
        if known < n {
            self.refill(history);
        }
        let mean = total(&self.filled) / n as f64;
        self.filled.iter_mut().for_each(|value| *value -= mean);
        self.multiply();
        self.cross_validate();
        self.solve(PARTS);
        self.left.copy_from_slice(&self.filled);
        path.fill(mean + self.coefficients[0]);
        for which in 1..self.groups.len() {
            let kept = self.keep(which);
            for (left, say) in self.left.iter_mut().zip(&self.says[which]) {
                *left -= kept * say;
            }
            for j in self.group(which) {
                let coefficient = kept * self.coefficients[j];
                for (step, x) in path.iter_mut().zip(&self.columns[j][n..]) {
                    *step += coefficient * x;
                }
            }
        }
        self.remainder.forecast(&self.left, history, 1.0, path, bands);
        let least = floor(history);
        path.iter_mut().chain(bands).for_each(|value| *value = value.max(least));
        Ok(())
    }
}
