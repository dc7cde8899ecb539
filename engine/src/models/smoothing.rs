//! Exponential smoothing and MSTL through the `augurs` crate.
//!
//! In: a view; the last weeks are averaged to hours and fitted at every issue, because these models forecast only from the end
//! of their training data. Out: a path. Foreign errors are turned into [`ModelError`] here and nowhere else.

use super::{FittedForecaster, Forecaster, ModelError, Outlook};
use crate::domain::Quantile;
use crate::features::View;
use augurs::{Fit, Predict, ets::AutoETS, mstl::MSTLModel};

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

impl Forecaster for Mstl {
    fn name(&self) -> &'static str {
        "mstl"
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let needed = MSTL_HOURS * view.context.hour;
        if view.known() < needed { Err(ModelError::too_little("mstl", view, needed)) } else { Ok(Box::new(*self)) }
    }
}

impl FittedForecaster for Mstl {
    fn outlook(&self, view: &View<'_>, _: &[Quantile]) -> Result<Outlook, ModelError> {
        let needed = MSTL_HOURS * view.context.hour;
        let values = hourly(view, MSTL_HOURS).ok_or_else(|| ModelError::too_little("mstl", view, needed))?;
        let error = |cause: &dyn std::fmt::Display| ModelError::unsolvable("mstl", view, cause);
        let trend = smoother().map_err(|cause| error(&cause))?.into_trend_model();
        let fitted = MSTLModel::new(vec![24, 168], trend).fit(&values).map_err(|cause| error(&cause))?;
        let forecast = fitted.predict(hours_ahead(view), None).map_err(|cause| error(&cause))?;
        finish("mstl", view, &forecast.point, values.last().copied())
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
}

fn finish(model: &'static str, view: &View<'_>, hourly: &[f64], last: Option<f64>) -> Result<Outlook, ModelError> {
    if hourly.is_empty() || hourly.iter().any(|v| !v.is_finite()) {
        return Err(ModelError::unsolvable(model, view, &"the forecast is not finite"));
    }
    let (low, high) = view.bounds();
    let path = steps(view, hourly, last.unwrap_or(hourly[0])).into_iter().map(|v| v.clamp(low, high));
    Ok(Outlook { path: path.collect(), quantiles: None })
}
