//! Exponential smoothing and MSTL through the `augurs` crate.
//!
//! In: a view; the last weeks are averaged to hours and fitted at every issue, because these models forecast only from the end
//! of their training data. Out: a path. Foreign errors are turned into [`ModelError`] here and nowhere else.

use super::{FittedForecaster, Forecaster, ModelError, Outlook};
use crate::domain::Quantile;
use crate::features::View;
use augurs::mstl::{FittedTrendModel, MSTLModel, TrendModel};
use augurs::{Fit, Forecast, Predict, ets::AutoETS};
use std::borrow::Cow;

/// Hours of history for MSTL: four weeks.
const MSTL_HOURS: usize = 24 * 28;
/// Hours of history for ETS: one week.
const ETS_HOURS: usize = 24 * 7;

/// Daily and weekly seasons by MSTL (Bandara, Hyndman and Bergmeir 2021), damped exponential smoothing of the rest.
#[derive(Debug, Clone, Copy)]
pub struct Mstl;

/// Exponential smoothing of hourly means with a damped trend, ETS(A,Ad,N).
#[derive(Debug, Clone, Copy)]
pub struct Ets;

/// The last `hours` hourly means before the edge; holes take the hour before, at last the mean.
fn hourly(view: &View<'_>, hours: usize) -> Option<Vec<f64>> {
    let hour = view.context.hour;
    let from = view.edge().checked_sub(hours * hour)?;
    let series = view.series();
    let level = series.mean(from, view.edge());
    if !level.is_finite() || series.known(from, view.edge()) * 4 < hours * hour * 3 {
        return None;
    }
    let mut values = Vec::with_capacity(hours);
    for i in 0..hours {
        let value = series.mean(from + i * hour, from + (i + 1) * hour);
        let held = values.len().checked_sub(24).map_or(level, |day| values[day]);
        values.push(if value.is_finite() { value } else { held });
    }
    Some(values)
}

/// Steps from hours: linear between the middles of the hours, starting at the last known hour.
fn steps(view: &View<'_>, hourly: &[f64], known: f64) -> Vec<f64> {
    let hour = view.context.hour as f64;
    let at = |i: i64| usize::try_from(i).map_or(known, |i| hourly[i.min(hourly.len() - 1)]);
    let value = |k: usize| {
        let place = ((view.origin + k - view.edge()) as f64 + 0.5) / hour - 0.5;
        let low = place.floor();
        at(low as i64) + (place - low) * (at(low as i64 + 1) - at(low as i64))
    };
    (0..view.context.horizon).map(value).collect()
}

fn hours_ahead(view: &View<'_>) -> usize {
    (view.origin + view.context.horizon - view.edge()).div_ceil(view.context.hour) + 1
}

/// Additive error, damped additive trend. (A fixed specification without trend, `ANN`, finds no model in augurs 0.10.)
fn smoother() -> Result<AutoETS, augurs::ets::Error> {
    AutoETS::new(1, "AAN")?.damped(true)
}

/// Damped exponential smoothing (Gardner and McKenzie 1985) whose two gains are the best of a small grid on the last weeks: a
/// full search of the likelihood takes a hundred times as long and is repeated at every issue.
#[derive(Debug)]
struct DampedTrend;

/// Level and slope at the end of the data.
#[derive(Debug)]
struct FittedTrend {
    level: f64,
    slope: f64,
    known: usize,
}

const LEVEL_GAINS: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.95];
const SLOPE_GAINS: [f64; 3] = [0.0, 0.05, 0.2];
/// Share of the slope left after each hour.
const DAMPING: f64 = 0.9;

type Foreign = Box<dyn std::error::Error + Send + Sync>;

impl TrendModel for DampedTrend {
    fn name(&self) -> Cow<'_, str> {
        "damped".into()
    }

    fn fit(&self, y: &[f64]) -> Result<Box<dyn FittedTrendModel + Sync + Send>, Foreign> {
        let mut best: Option<(f64, f64, f64)> = None;
        for (gain, bend) in LEVEL_GAINS.iter().flat_map(|gain| SLOPE_GAINS.map(|bend| (gain, bend))) {
            let (mut level, mut slope, mut error) = (y.first().copied().unwrap_or(0.0), 0.0, 0.0);
            for &value in y {
                let expected = level + DAMPING * slope;
                error += (value - expected) * (value - expected);
                let next = expected + gain * (value - expected);
                slope = DAMPING * slope + bend * (next - expected);
                level = next;
            }
            if best.is_none_or(|(least, _, _)| error < least) {
                best = Some((error, level, slope));
            }
        }
        let (_, level, slope) = best.ok_or("no finite value to smooth")?;
        Ok(Box::new(FittedTrend { level, slope, known: y.len() }))
    }
}

impl FittedTrendModel for FittedTrend {
    fn predict_inplace(&self, horizon: usize, _: Option<f64>, forecast: &mut Forecast) -> Result<(), Foreign> {
        let (mut level, mut slope) = (self.level, self.slope);
        let next = || {
            slope *= DAMPING;
            level += slope;
            level
        };
        forecast.point = std::iter::repeat_with(next).take(horizon).collect();
        Ok(())
    }

    fn predict_in_sample_inplace(&self, _: Option<f64>, forecast: &mut Forecast) -> Result<(), Foreign> {
        forecast.point = vec![self.level; self.known];
        Ok(())
    }

    fn training_data_size(&self) -> Option<usize> {
        Some(self.known)
    }
}

impl Forecaster for Mstl {
    fn name(&self) -> &'static str {
        "mstl"
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let needed = MSTL_HOURS * view.context.hour;
        if view.known() < needed { Err(ModelError::too_little("mstl", view, needed)) } else { Ok(Box::new(*self)) }
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        state.is_empty().then(|| -> Box<dyn FittedForecaster> { Box::new(*self) })
    }
}

impl FittedForecaster for Mstl {
    fn outlook(&self, view: &View<'_>, _: &[Quantile]) -> Result<Outlook, ModelError> {
        let needed = MSTL_HOURS * view.context.hour;
        let values = hourly(view, MSTL_HOURS).ok_or_else(|| ModelError::too_little("mstl", view, needed))?;
        let error = |cause: &dyn std::fmt::Display| ModelError::unsolvable("mstl", view, cause);
        let fitted = MSTLModel::new(vec![24, 168], DampedTrend).fit(&values).map_err(|cause| error(&cause))?;
        let forecast = fitted.predict(hours_ahead(view), None).map_err(|cause| error(&cause))?;
        finish("mstl", view, &forecast.point, values.last().copied())
    }

    fn state(&self) -> Vec<u8> {
        Vec::new()
    }
}

impl Forecaster for Ets {
    fn name(&self) -> &'static str {
        "ets"
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let needed = ETS_HOURS * view.context.hour;
        if view.known() < needed { Err(ModelError::too_little("ets", view, needed)) } else { Ok(Box::new(*self)) }
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        state.is_empty().then(|| -> Box<dyn FittedForecaster> { Box::new(*self) })
    }
}

impl FittedForecaster for Ets {
    fn outlook(&self, view: &View<'_>, _: &[Quantile]) -> Result<Outlook, ModelError> {
        let needed = ETS_HOURS * view.context.hour;
        let values = hourly(view, ETS_HOURS).ok_or_else(|| ModelError::too_little("ets", view, needed))?;
        let error = |cause: &dyn std::fmt::Display| ModelError::unsolvable("ets", view, cause);
        let fitted = smoother().map_err(|cause| error(&cause))?.fit(&values).map_err(|cause| error(&cause))?;
        let forecast = fitted.predict(hours_ahead(view), None).map_err(|cause| error(&cause))?;
        finish("ets", view, &forecast.point, values.last().copied())
    }

    fn state(&self) -> Vec<u8> {
        Vec::new()
    }
}

fn finish(model: &'static str, view: &View<'_>, hourly: &[f64], last: Option<f64>) -> Result<Outlook, ModelError> {
    if hourly.is_empty() || hourly.iter().any(|v| !v.is_finite()) {
        return Err(ModelError::unsolvable(model, view, &"the forecast is not finite"));
    }
    let (low, high) = view.bounds();
    let path = steps(view, hourly, last.unwrap_or(hourly[0])).into_iter().map(|v| v.clamp(low, high));
    Ok(Outlook { path: path.collect(), quantiles: None })
}
