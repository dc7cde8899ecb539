//! Analogue days: the normal of the day to come, bent as the last days of its kind were bent.
//!
//! In: a view. Out: a path. Nothing is fitted beyond the calendar normal, so it is ready on the first day of a fast or a feast,
//! when whatever learnt from ordinary weeks errs. Feasts come with the profile of the feast before them, see the normal.

use super::{FittedForecaster, Forecaster, ModelError, Outlook};
use crate::domain::Quantile;
use crate::features::{Pattern, Shares, View, base_shares};

/// Mean of the anomalies of days alike, around a level that returns to last week's.
#[derive(Debug, Clone, Copy)]
pub struct Analogue;

impl Forecaster for Analogue {
    fn name(&self) -> &'static str {
        "analogue"
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let needed = 14 * view.context.day;
        if view.known() < needed { Err(ModelError::too_little("analogue", view, needed)) } else { Ok(Box::new(*self)) }
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        state.is_empty().then(|| -> Box<dyn FittedForecaster> { Box::new(*self) })
    }
}

impl FittedForecaster for Analogue {
    fn outlook(&self, view: &View<'_>, _: &[Quantile]) -> Result<Outlook, ModelError> {
        let (context, pattern) = (view.context, Pattern::new(view));
        let (normal, edge) = view.normal();
        let step = |k: usize| {
            let moment = context.calendar.seen(view.origin + k, view.origin);
            let usual = normal.value(&moment, edge);
            usual + normal.unit(usual, edge) * pattern.anomaly(k, &moment)
        };
        let path: Vec<f64> = (0..context.horizon).map(step).collect();
        if path.iter().any(|v| !v.is_finite()) {
            return Err(ModelError::too_little("analogue", view, 14 * context.day));
        }
        let (low, high) = view.bounds();
        Ok(Outlook { path: path.into_iter().map(|v| v.clamp(low, high)).collect(), quantiles: None })
    }

    fn state(&self) -> Vec<u8> {
        Vec::new()
    }

    fn reasons(&self, view: &View<'_>, said: &[f64]) -> Vec<Shares> {
        base_shares(view, said)
    }
}
