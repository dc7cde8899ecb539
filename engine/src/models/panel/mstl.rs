//! MSTL: seasons by repeated STL, the rest carried forward damped, with quantiles.
//!
//! In: one series, NaN where a value is missing. Out: path and quantiles. Each season's last cycle is repeated, drawn towards zero by
//! the share of it that cycle-to-cycle noise explains (James and Stein 1961, positive part): a series without a season keeps none.
//! What the seasons leave goes to [`Remainder`]. Gaps are first taken from the next season, then from the fit, then fitted again.

use super::decomposition::Decomposition;
use super::remainder::Remainder;
use super::{Grid, PanelError, PanelForecaster, dot, enough, fill, floor, total};
use crate::domain::Quantile;

/// Plan and buffers of MSTL.
#[derive(Debug, Clone)]
pub struct MstlPanel {
    grid: Grid,
    quantiles: Vec<Quantile>,
    decomposition: Decomposition,
    remainder: Remainder,
    filled: Vec<f64>,
    left: Vec<f64>,
    kept: Vec<f64>,
}

/// Cycles seen by the loess of the first season and of further ones. MSTL's authors see 11 and more and fit lines; at the end of a
/// series, where all forecasts start, a line through so few days is mostly noise. Means of up to 35 days, the near ones weighing most,
/// halve it and still follow the sun.
const WINDOWS: (usize, usize) = (35, 15);

impl MstlPanel {
    /// A plan for series of that shape.
    ///
    /// # Errors
    /// [`PanelError::Grid`], [`PanelError::TooShort`]: two whole periods of the longest season are needed.
    pub fn new(grid: &Grid, quantiles: &[Quantile]) -> Result<Self, PanelError> {
        grid.check("mstl", 2)?;
        let windows: Vec<usize> = (0..grid.seasons.len()).map(|i| if i == 0 { WINDOWS.0 } else { WINDOWS.1 }).collect();
        Ok(Self {
            decomposition: Decomposition::new(grid.length, &grid.seasons, &windows),
            remainder: Remainder::new(grid, quantiles),
            filled: Vec::with_capacity(grid.length),
            left: vec![0.0; grid.length],
            kept: vec![0.0; grid.seasons.len()],
            quantiles: quantiles.to_vec(),
            grid: grid.clone(),
        })
    }

    /// How much of each season's last cycle is more than noise, in `[0, 1]`.
    fn keep(&mut self) {
        for (which, kept) in self.kept.iter_mut().enumerate() {
            let season = &self.decomposition.seasonal[which];
            let last = &season[season.len() - self.grid.seasons[which]..];
            let signal = dot(last, last) / last.len() as f64;
            // What varies from cycle to cycle: the remainder, of which the fit has swallowed its leverage.
            let leverage = self.decomposition.season_leverage(which).min(0.9);
            let noise = dot(&self.left, &self.left) / (self.left.len() as f64 * (1.0 - leverage));
            let share = noise * self.decomposition.season_noise(which);
            *kept = if signal > 0.0 { (1.0 - share / signal).max(0.0) } else { 0.0 };
        }
    }

    /// Writes values less all seasons (each times its factor) less the trend, where it is asked for.
    fn subtract(&mut self, with_trend: bool, factors: bool) {
        self.left.copy_from_slice(&self.filled);
        for (season, kept) in self.decomposition.seasonal.iter().zip(&self.kept) {
            let factor = if factors { *kept } else { 1.0 };
            for (left, season) in self.left.iter_mut().zip(season) {
                *left -= factor * season;
            }
        }
        if with_trend {
            for (left, trend) in self.left.iter_mut().zip(&self.decomposition.trend) {
                *left -= trend;
            }
        }
    }
}

impl PanelForecaster for MstlPanel {
    fn name(&self) -> &'static str {
        "mstl"
    }

    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn quantiles(&self) -> &[Quantile] {
        &self.quantiles
    }

    fn bytes(&self) -> usize {
        let numbers = self.filled.capacity() + self.left.capacity() + self.kept.capacity();
        self.decomposition.bytes() + self.remainder.bytes() + 8 * numbers
    }

    fn forecast(&mut self, history: &[f64], path: &mut [f64], bands: &mut [f64]) -> Result<(), PanelError> {
        let n = self.grid.length;
        let period = self.grid.seasons.last().copied().unwrap_or(1);
        let known = fill(history, period, &mut self.filled);
        enough(self.name(), known, n)?;
        self.decomposition.fit(&self.filled);
        self.subtract(true, false);
        if known < n {
            for ((filled, &value), left) in self.filled.iter_mut().zip(history).zip(&self.left) {
                if !value.is_finite() {
                    *filled -= left;
                }
            }
            self.decomposition.fit(&self.filled);
            self.subtract(true, false);
        }
        self.keep();
        self.subtract(false, true);
        let mean = total(&self.left) / n as f64;
        self.left.iter_mut().for_each(|left| *left -= mean);
        path.fill(mean);
        let mut widen = 1.0;
        for (which, kept) in self.kept.iter().enumerate() {
            let season = &self.decomposition.seasonal[which];
            let last = &season[n - self.grid.seasons[which]..];
            for steps in path.chunks_mut(last.len()) {
                for (step, season) in steps.iter_mut().zip(last) {
                    *step += kept * season;
                }
            }
            // Errors within the fit are too small by its leverage; those of a forecast too large by its noise.
            let leverage = kept * self.decomposition.season_leverage(which).min(0.9);
            widen *= (1.0 + kept * self.decomposition.season_noise(which)).sqrt() / (1.0 - leverage);
        }
        self.remainder.forecast(&self.left, history, widen, path, bands);
        let least = floor(history);
        path.iter_mut().chain(bands).for_each(|value| *value = value.max(least));
        Ok(())
    }
}
