//! Seasonal naive: the last season again, with quantiles from how far seasons lay apart.
//!
//! In: one series. Out: the last known season repeated; quantiles are `value + spread of its place in the season × standardised
//! quantile × growth with the season ahead`. The spread of a place is the mean distance of neighbouring seasons there (so the band of a
//! solar plant closes at night), the standardised quantiles are those of an even sample of all distances, the growth compares seasons
//! one and more apart. Cost: three passes over the series and one sort of [`SAMPLE`] numbers.

use super::{Grid, PanelError, PanelForecaster, enough, fill, floor, quantile_of, total};
use crate::domain::Quantile;

/// Distances sorted for the standardised quantiles: at 256 the rank of the 0.1 quantile has a standard error of 0.019.
const SAMPLE: usize = 256;

/// Plan and buffers of the seasonal naive. The last of the grid's seasons is repeated.
#[derive(Debug, Clone)]
pub struct SeasonalPanel {
    grid: Grid,
    quantiles: Vec<Quantile>,
    period: usize,
    filled: Vec<f64>,
    /// Steps whose distances are sampled, with their places in the season.
    places: Vec<(usize, usize)>,
    spread: Vec<f64>,
    inverse: Vec<f64>,
    sample: Vec<f64>,
    offsets: Vec<f64>,
    growth: Vec<f64>,
}

impl SeasonalPanel {
    /// A plan for series of that shape; `season` is the period repeated, in steps (1: the last value).
    ///
    /// # Errors
    /// [`PanelError::Grid`], [`PanelError::TooShort`]: two whole periods are needed.
    pub fn new(grid: &Grid, season: usize, quantiles: &[Quantile]) -> Result<Self, PanelError> {
        let grid = Grid { seasons: vec![season], ..grid.clone() };
        Grid { seasons: Vec::from_iter((season != 1).then_some(season)), ..grid.clone() }.check("seasonal naive", 2)?;
        Ok(Self {
            period: season,
            filled: Vec::with_capacity(grid.length),
            places: sampled(grid.length, season, SAMPLE),
            spread: vec![0.0; season],
            inverse: vec![0.0; season],
            sample: Vec::with_capacity(2 * SAMPLE),
            offsets: vec![0.0; quantiles.len()],
            growth: vec![1.0; grid.horizon.div_ceil(season)],
            quantiles: quantiles.to_vec(),
            grid,
        })
    }

    /// Mean distance of seasons `apart` apart at the sampled places; NaN where none is so far back.
    fn distance(&self, values: &[f64], apart: usize) -> f64 {
        let lag = apart * self.period;
        let from = self.places.partition_point(|(t, _)| *t < lag);
        let sum: f64 = self.places[from..].iter().map(|&(t, _)| (values[t] - values[t - lag]).abs()).sum();
        sum / (self.places.len() - from) as f64
    }

    /// Spreads, standardised quantiles and growth of one series without gaps.
    fn learn(&mut self, values: &[f64]) {
        let (n, period) = (values.len(), self.period);
        self.spread.fill(0.0);
        let cycles = values[n % period..].chunks_exact(period);
        for (now, before) in cycles.clone().skip(1).zip(cycles) {
            for ((spread, now), before) in self.spread.iter_mut().zip(now).zip(before) {
                *spread += (now - before).abs();
            }
        }
        let share = 1.0 / (n / period - 1) as f64;
        for (spread, inverse) in self.spread.iter_mut().zip(&mut self.inverse) {
            *spread *= share;
            *inverse = if *spread > 0.0 { 1.0 / *spread } else { 0.0 };
        }
        self.sample.clear();
        self.sample.extend(self.places.iter().map(|&(t, place)| (values[t] - values[t - period]) * self.inverse[place]));
        self.sample.sort_unstable_by(f64::total_cmp);
        for (offset, quantile) in self.offsets.iter_mut().zip(&self.quantiles) {
            *offset = quantile_of(&self.sample, quantile.value());
        }
        let one = if self.growth.len() > 1 { self.distance(values, 1) } else { 1.0 };
        for ahead in 1..self.growth.len() {
            let many = self.distance(values, ahead + 1);
            let grown = if one > 0.0 && many.is_finite() { many / one } else { 1.0 };
            self.growth[ahead] = grown.max(self.growth[ahead - 1]);
        }
    }
}

/// Every so many steps, never always the same place of the season: the step and its place.
fn sampled(length: usize, period: usize, most: usize) -> Vec<(usize, usize)> {
    let mut stride = ((length - period) / most).max(1);
    while stride > 1 && period.is_multiple_of(stride) {
        stride += 1;
    }
    let first = length % period;
    (period..length).step_by(stride).map(|t| (t, (t + period - first) % period)).collect()
}

impl PanelForecaster for SeasonalPanel {
    fn name(&self) -> &'static str {
        "seasonal naive"
    }

    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn quantiles(&self) -> &[Quantile] {
        &self.quantiles
    }

    fn bytes(&self) -> usize {
        let numbers = [&self.filled, &self.spread, &self.inverse, &self.sample, &self.offsets, &self.growth];
        16 * self.places.capacity() + 8 * numbers.iter().map(|numbers| numbers.capacity()).sum::<usize>()
    }

    fn forecast(&mut self, history: &[f64], path: &mut [f64], bands: &mut [f64]) -> Result<(), PanelError> {
        let mut filled = std::mem::take(&mut self.filled);
        let gaps = !total(history).is_finite();
        let known = if gaps { fill(history, self.period, &mut filled) } else { history.len() };
        let values = if gaps { filled.as_slice() } else { history };
        let outcome = enough(self.name(), known, self.grid.length);
        if outcome.is_ok() {
            self.write(values, path, bands);
        }
        self.filled = filled;
        outcome
    }
}

impl SeasonalPanel {
    fn write(&mut self, values: &[f64], path: &mut [f64], bands: &mut [f64]) {
        let period = self.period;
        let last = &values[values.len() - period..];
        for steps in path.chunks_mut(period) {
            steps.copy_from_slice(&last[..steps.len()]);
        }
        let width = self.quantiles.len();
        if width == 0 {
            return;
        }
        self.learn(values);
        let least = floor(values);
        for (ahead, rows) in bands.chunks_mut(period * width).enumerate() {
            let growth = self.growth[ahead.min(self.growth.len() - 1)];
            for ((row, value), spread) in rows.chunks_exact_mut(width).zip(last).zip(&self.spread) {
                for (cell, offset) in row.iter_mut().zip(&self.offsets) {
                    *cell = (value + growth * spread * offset).max(least);
                }
            }
        }
    }
}
