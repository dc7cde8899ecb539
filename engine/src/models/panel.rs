//! Forecasts of very many series at once: one shape of grid, shared plans, buffers that are used again.
//!
//! In: series of one length on one regular grid as plain `&[f64]`, one after the other, NaN where a value is missing. Out: a path and
//! quantiles per series, written into the caller's slices. What all series share (smoothing weights, a factored Gram matrix) is worked
//! out once per [`Grid`]; the loop over series allocates nothing. Pure: same input, same bytes. Assets with a calendar and weather are
//! served by the models beside this one; here a series is only numbers.

mod aggregate;
mod boosted;
mod decomposition;
mod linear;
mod loess;
mod mstl;
mod remainder;
mod seasonal;
mod state;

pub use aggregate::{AggregateError, AggregateModel, AggregateOptions, AggregatePlans, AggregatePoint};
pub use boosted::{BoostedOptions, BoostedPanel};
pub use decomposition::Decomposition;
pub use linear::LinearPanel;
pub use mstl::MstlPanel;
pub use seasonal::SeasonalPanel;
pub use state::SeriesState;

use crate::domain::Quantile;

/// The shape all series of a panel share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Values a series has, missing ones (NaN) counted.
    pub length: usize,
    /// Steps to forecast.
    pub horizon: usize,
    /// Periods in steps, shortest first: `[96, 672]` is a day and a week of quarter hours. May be empty.
    pub seasons: Vec<usize>,
    /// Where in the longest season the first value lies, in steps: 0 when it is the first step of a week. Only the linear model, which
    /// gives days of their own levels, asks.
    pub phase: usize,
}

/// Why a panel could not be forecast.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PanelError {
    /// Fewer grid points than the model needs.
    #[error(
        "{model} needs {needed} steps of history for seasons of {seasons:?} steps, a series has {length}: give more history or leave out a season"
    )]
    TooShort {
        /// Which model.
        model: &'static str,
        /// Steps needed.
        needed: usize,
        /// Steps of each series.
        length: usize,
        /// The seasons asked for.
        seasons: Vec<usize>,
    },
    /// Too many values of one series are missing.
    #[error(
        "series {series}: {model} needs {needed} known values, {known} of {length} are: fill the gaps, give more history or leave the series out"
    )]
    TooFew {
        /// Which model.
        model: &'static str,
        /// Place of the series in the panel, from 0.
        series: usize,
        /// Known values needed.
        needed: usize,
        /// Known values.
        known: usize,
        /// Steps of each series.
        length: usize,
    },
    /// No season, or a horizon of zero, or seasons out of order.
    #[error("{model} cannot use {what}: seasons are at least 2 steps each and in rising order, the horizon at least 1 step")]
    Grid {
        /// Which model.
        model: &'static str,
        /// What was given.
        what: String,
    },
    /// A slice is not as long as the grid says.
    #[error("the {what} have {given} numbers, {wanted} are wanted for {series} series")]
    Slices {
        /// Which slice.
        what: &'static str,
        /// Its length.
        given: usize,
        /// The length wanted.
        wanted: usize,
        /// Series in the panel.
        series: usize,
    },
    /// The shared equations have no solution.
    #[error("{model}: the equations of the grid could not be solved ({reason}); leave out a season")]
    Unsolvable {
        /// Which model.
        model: &'static str,
        /// What the library said.
        reason: String,
    },
}

/// A model that forecasts series one at a time from a plan made once.
pub trait PanelForecaster {
    /// Short stable name.
    fn name(&self) -> &'static str;

    /// The shape this plan was made for.
    fn grid(&self) -> &Grid;

    /// The quantiles written, in the order given.
    fn quantiles(&self) -> &[Quantile];

    /// Bytes the plan and its buffers hold, whatever the number of series.
    fn bytes(&self) -> usize;

    /// Forecasts one series of [`Grid::length`] values: `path` takes one value per step, `bands` `[step][quantile]`.
    ///
    /// # Errors
    /// [`PanelError::TooFew`], naming series 0. Slices of other lengths than the grid's are cut to the shorter.
    fn forecast(&mut self, history: &[f64], path: &mut [f64], bands: &mut [f64]) -> Result<(), PanelError>;

    /// Forecasts all series of a panel, series-major: `path` `[series][step]`, `bands` `[series][step][quantile]`.
    ///
    /// # Errors
    /// [`PanelError::Slices`]; [`PanelError::TooFew`] for the first series that cannot be forecast.
    fn forecast_all(&mut self, panel: &[f64], path: &mut [f64], bands: &mut [f64]) -> Result<(), PanelError> {
        let (length, horizon) = (self.grid().length, self.grid().horizon);
        let (series, width) = (panel.len() / length, horizon * self.quantiles().len());
        for (what, given, wanted) in [
            ("values", panel.len(), series * length),
            ("paths", path.len(), series * horizon),
            ("bands", bands.len(), series * width),
        ] {
            if given != wanted {
                return Err(PanelError::Slices { what, given, wanted, series });
            }
        }
        for (i, (history, path)) in panel.chunks_exact(length).zip(path.chunks_exact_mut(horizon)).enumerate() {
            let bands = &mut bands[i * width..(i + 1) * width];
            self.forecast(history, path, bands).map_err(|error| error.of_series(i))?;
        }
        Ok(())
    }
}

impl Grid {
    /// Checks the shape for a model that needs `cycles` whole periods of the longest season.
    fn check(&self, model: &'static str, cycles: usize) -> Result<(), PanelError> {
        let rising = self.seasons.iter().all(|&p| p >= 2) && self.seasons.windows(2).all(|pair| pair[0] < pair[1]);
        if self.horizon == 0 || !rising {
            let what = format!("a horizon of {} steps and seasons of {:?} steps", self.horizon, self.seasons);
            return Err(PanelError::Grid { model, what });
        }
        let needed = (cycles * self.seasons.last().copied().unwrap_or(1)).max(SHORTEST);
        if self.length < needed {
            return Err(PanelError::TooShort { model, needed, length: self.length, seasons: self.seasons.clone() });
        }
        Ok(())
    }
}

impl PanelError {
    /// The same error, naming its series.
    fn of_series(self, at: usize) -> Self {
        match self {
            Self::TooFew { model, needed, known, length, .. } => Self::TooFew { model, series: at, needed, known, length },
            other => other,
        }
    }
}

/// Steps below which nothing is forecast.
const SHORTEST: usize = 16;
/// Share of values that must be known.
const KNOWN_SHARE: f64 = 0.5;
/// Numbers summed side by side; the compiler makes vector instructions of it, the order of sums stays fixed.
const LANES: usize = 8;

/// Scalar product.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let mut sums = [0.0; LANES];
    let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in left.zip(right) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Sum; not finite as soon as one number is not.
fn total(values: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f64 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Smallest value, NaN left out.
fn lowest(values: &[f64]) -> f64 {
    let mut least = [f64::INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder().iter().copied().fold(f64::INFINITY, f64::min);
    for chunk in chunks {
        for (least, &value) in least.iter_mut().zip(chunk) {
            *least = if value < *least { value } else { *least };
        }
    }
    least.iter().copied().fold(rest, f64::min)
}

/// Lowest value a forecast may take: zero for a series that never was below.
fn floor(history: &[f64]) -> f64 {
    if lowest(history) >= 0.0 { 0.0 } else { f64::NEG_INFINITY }
}

/// Copies a series into `filled` and closes its gaps: each takes the value one period before, else one period after, else the mean of
/// the known. Returns how many values are known.
fn fill(history: &[f64], period: usize, filled: &mut Vec<f64>) -> usize {
    filled.clear();
    filled.extend_from_slice(history);
    if total(history).is_finite() {
        return history.len();
    }
    let (sum, known) = history.iter().filter(|v| v.is_finite()).fold((0.0, 0_usize), |(s, n), v| (s + v, n + 1));
    for value in filled.iter_mut().filter(|v| !v.is_finite()) {
        *value = f64::NAN;
    }
    if known == 0 {
        return 0;
    }
    for t in period..filled.len() {
        if filled[t].is_nan() {
            filled[t] = filled[t - period];
        }
    }
    for t in (0..filled.len().saturating_sub(period)).rev() {
        if filled[t].is_nan() {
            filled[t] = filled[t + period];
        }
    }
    let mean = sum / known as f64;
    for value in filled.iter_mut().filter(|v| v.is_nan()) {
        *value = mean;
    }
    known
}

/// [`PanelError::TooFew`] unless enough of the series is known.
fn enough(model: &'static str, known: usize, length: usize) -> Result<(), PanelError> {
    let needed = ((length as f64 * KNOWN_SHARE).ceil() as usize).max(SHORTEST);
    if known >= needed { Ok(()) } else { Err(PanelError::TooFew { model, series: 0, needed, known, length }) }
}

/// Empirical quantile of sorted numbers, linear between ranks (type 7 of Hyndman and Fan 1996); 0 without numbers.
fn quantile_of(sorted: &[f64], quantile: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = quantile * last as f64;
    let low = place as usize;
    sorted[low] + (place - low as f64) * (sorted[(low + 1).min(last)] - sorted[low])
}

#[cfg(test)]
mod tests;
