//! A forecast from the state of an aggregate: the grid, the seasons and the model are found in the times.
//!
//! In: a [`SeriesState`] and what is wanted. Out: `(time, quantile, value)` for every step after the newest time. The resolution is the
//! most common gap, values between grid points go to the nearest, several at one point are averaged; seasons are a day and a week
//! where the history holds them twice. Times are UTC: a local clock that changes is not known here.

use super::state::{SeriesState, shown};
use super::{Grid, LinearPanel, MstlPanel, PanelError, PanelForecaster, SeasonalPanel};
use crate::domain::Quantile;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// Microseconds of a week.
const WEEK: i64 = 7 * DAY;
/// The first Monday of 1970.
const MONDAY: i64 = 4 * DAY;
/// Most steps ahead.
const MOST_STEPS: i64 = 10_000;
/// Most steps of history looked at.
const MOST_HISTORY: i64 = 50_000;

/// Which model an aggregate is forecast with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AggregateModel {
    /// The mean of MSTL and the linear model; MSTL alone below three of the longest seasons, or without one.
    #[default]
    Blend,
    /// The last longest season again.
    SeasonalNaive,
    /// MSTL.
    Mstl,
    /// The linear model.
    Linear,
}

/// What is wanted of an aggregate.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateOptions {
    /// How far ahead, microseconds.
    pub horizon: i64,
    /// Which quantiles, in this order.
    pub quantiles: Vec<Quantile>,
    /// Grid step in microseconds; the most common gap if `None`.
    pub resolution: Option<i64>,
    /// Seasons in microseconds, shortest first; a day and a week, where they fit, if `None`.
    pub seasons: Option<Vec<i64>>,
    /// The model.
    pub model: AggregateModel,
}

/// Plans of the grid last met: groups of one query mostly share theirs.
#[derive(Debug, Clone, Default)]
pub struct AggregatePlans {
    seasonal: Option<SeasonalPanel>,
    mstl: Option<MstlPanel>,
    linear: Option<LinearPanel>,
}

/// One value of a forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AggregatePoint {
    /// When it holds, microseconds since 1970.
    pub time: i64,
    /// Which quantile.
    pub quantile: Quantile,
    /// In the unit of the values given.
    pub value: f64,
}

/// Why an aggregate cannot be forecast.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AggregateError {
    /// One time with two values.
    #[error("two different values at {time}: sum or average them first, or add what tells them apart to GROUP BY")]
    Clash {
        /// The newest such time.
        time: String,
    },
    /// Hardly any values.
    #[error(
        "{known} values are too few for a forecast, which needs at least {needed}: take a longer stretch of time, or leave the group out"
    )]
    TooFew {
        /// Distinct times with a value.
        known: usize,
        /// Needed.
        needed: usize,
    },
    /// A span that is not positive, or a horizon of very many steps.
    #[error("a {what} of {given} µs cannot be used with steps of {resolution} µs: give a {what} of 1 to {most} steps")]
    Span {
        /// Horizon, resolution or season.
        what: &'static str,
        /// As given.
        given: i64,
        /// The step.
        resolution: i64,
        /// Most steps.
        most: i64,
    },
    /// The newest step lies at the end of all times.
    #[error("times end at {time}, no step can follow")]
    End {
        /// The newest time.
        time: String,
    },
    /// The bytes are not a state.
    #[error("the bytes of a forecast's state {what}: they were not written by this version")]
    Bytes {
        /// What is wrong.
        what: &'static str,
    },
    /// The model refused.
    #[error(transparent)]
    Panel(#[from] PanelError),
}

impl SeriesState {
    /// Forecasts the steps after the newest time, `[step][quantile]`. What `plans` held does not change the result, only the time it
    /// takes.
    ///
    /// # Errors
    /// [`AggregateError`]: clashing or too few values, spans that do not fit, history too short for the seasons or model asked for.
    pub fn finish(
        &mut self,
        options: &AggregateOptions,
        plans: &mut AggregatePlans,
    ) -> Result<Vec<AggregatePoint>, AggregateError> {
        let points = self.points()?;
        let needed = super::SHORTEST;
        let (Some(&(first, _)), Some(&(last, _))) = (points.first(), points.last()) else {
            return Err(AggregateError::TooFew { known: 0, needed });
        };
        if points.len() < needed {
            return Err(AggregateError::TooFew { known: points.len(), needed });
        }
        let resolution = options.resolution.unwrap_or_else(|| common_gap(&points));
        let span = |what, given, most| AggregateError::Span { what, given, resolution, most };
        if resolution <= 0 {
            return Err(span("resolution", resolution, MOST_STEPS));
        }
        let horizon = options.horizon.checked_add(resolution - 1).map_or(i64::MAX, |h| h / resolution);
        if options.horizon <= 0 || horizon > MOST_STEPS {
            return Err(span("horizon", options.horizon, MOST_STEPS));
        }
        let end = resolution.checked_mul(horizon).and_then(|ahead| last.checked_add(ahead));
        end.ok_or_else(|| AggregateError::End { time: shown(last) })?;
        let length = (last.saturating_sub(first) / resolution + 1).min(MOST_HISTORY);
        let start = last - (length - 1) * resolution;
        let values = gridded(&points, start, resolution, length as usize);
        let seasons = seasons(options, resolution, length)?;
        let longest = seasons.last().map_or(resolution, |&steps| steps as i64 * resolution);
        let phase = (start.saturating_sub(MONDAY).rem_euclid(longest) / resolution) as usize;
        let grid = Grid { length: values.len(), horizon: horizon as usize, seasons, phase };
        let rows = plans.bands(&values, &grid, options)?;
        let steps = rows.chunks_exact(options.quantiles.len().max(1)).zip(1..);
        let row = |(row, step): (&[f64], i64)| {
            let time = last + step * resolution;
            let point = |(&quantile, &value): (&Quantile, &f64)| AggregatePoint { time, quantile, value };
            options.quantiles.iter().zip(row).map(point).collect::<Vec<_>>()
        };
        Ok(steps.flat_map(row).collect())
    }
}

/// The gap between neighbours that occurs most often, the smaller of equals.
fn common_gap(points: &[(i64, f64)]) -> i64 {
    let mut gaps: Vec<i64> = points.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].0)).collect();
    gaps.sort_unstable();
    let (mut best, mut most) = (gaps[0], 0);
    for equal in gaps.chunk_by(|a, b| a == b) {
        if equal.len() > most {
            (best, most) = (equal[0], equal.len());
        }
    }
    best
}

/// Means of the values nearest to each grid point, NaN where there are none.
fn gridded(points: &[(i64, f64)], start: i64, resolution: i64, length: usize) -> Vec<f64> {
    let mut values = vec![0.0; length];
    let mut counts = vec![0.0; length];
    for &(time, value) in points {
        let place = time.saturating_sub(start).saturating_add(resolution / 2).div_euclid(resolution);
        if let Some(at) = usize::try_from(place).ok().filter(|at| *at < length) {
            values[at] += value;
            counts[at] += 1.0;
        }
    }
    values.iter().zip(&counts).map(|(sum, count)| if *count > 0.0 { sum / count } else { f64::NAN }).collect()
}

/// Seasons in steps: those asked for, or a day and a week that are whole steps and lie in the history twice.
fn seasons(options: &AggregateOptions, resolution: i64, length: i64) -> Result<Vec<usize>, AggregateError> {
    let steps = |season: i64| (season % resolution == 0 && season / resolution >= 2).then_some(season / resolution);
    let Some(asked) = &options.seasons else {
        let fitting = [DAY, WEEK].into_iter().filter_map(steps).filter(|&steps| 2 * steps <= length);
        return Ok(fitting.map(|steps| steps as usize).collect());
    };
    let wrong = |given| AggregateError::Span { what: "season", given, resolution, most: length / 2 };
    asked.iter().map(|&season| steps(season).map(|steps| steps as usize).ok_or_else(|| wrong(season))).collect()
}

/// The plan kept, if it is for that grid and those quantiles, or a new one.
fn planned<'a, P: PanelForecaster>(
    kept: &'a mut Option<P>,
    grid: &Grid,
    quantiles: &[Quantile],
    make: impl FnOnce() -> Result<P, PanelError>,
) -> Result<&'a mut P, PanelError> {
    let plan = match kept.take() {
        Some(plan) if plan.grid() == grid && plan.quantiles() == quantiles => plan,
        _ => make()?,
    };
    Ok(kept.insert(plan))
}

fn run(model: &mut dyn PanelForecaster, values: &[f64]) -> Result<Vec<f64>, PanelError> {
    let horizon = model.grid().horizon;
    let mut path = vec![0.0; horizon];
    let mut bands = vec![0.0; horizon * model.quantiles().len()];
    model.forecast(values, &mut path, &mut bands)?;
    Ok(bands)
}

impl AggregatePlans {
    /// Bytes the plans hold.
    pub fn bytes(&self) -> usize {
        let seasonal = self.seasonal.as_ref().map_or(0, PanelForecaster::bytes);
        let mstl = self.mstl.as_ref().map_or(0, PanelForecaster::bytes);
        seasonal + mstl + self.linear.as_ref().map_or(0, PanelForecaster::bytes)
    }

    /// `[step][quantile]` of the model asked for.
    fn bands(&mut self, values: &[f64], grid: &Grid, options: &AggregateOptions) -> Result<Vec<f64>, PanelError> {
        let quantiles = &options.quantiles;
        let linear_fits = grid.seasons.last().is_some_and(|season| 3 * season <= grid.length);
        match options.model {
            AggregateModel::SeasonalNaive => {
                let season = grid.seasons.last().copied().unwrap_or(1);
                // The naive knows the season it repeats and no other.
                let grid = Grid { seasons: vec![season], ..grid.clone() };
                run(planned(&mut self.seasonal, &grid, quantiles, || SeasonalPanel::new(&grid, season, quantiles))?, values)
            }
            AggregateModel::Mstl => run(planned(&mut self.mstl, grid, quantiles, || MstlPanel::new(grid, quantiles))?, values),
            AggregateModel::Linear => {
                run(planned(&mut self.linear, grid, quantiles, || LinearPanel::new(grid, quantiles))?, values)
            }
            AggregateModel::Blend => {
                let mut rows = run(planned(&mut self.mstl, grid, quantiles, || MstlPanel::new(grid, quantiles))?, values)?;
                if linear_fits {
                    let linear = planned(&mut self.linear, grid, quantiles, || LinearPanel::new(grid, quantiles))?;
                    for (row, other) in rows.iter_mut().zip(run(linear, values)?) {
                        *row = 0.5 * (*row + other);
                    }
                }
                Ok(rows)
            }
        }
    }
}
