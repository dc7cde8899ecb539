//! Clear-sky ("smart") persistence for solar power: the last clear-sky index times the envelope.
//!
//! In: a view. Out: a path. The bench's `smart_persistence`.

use super::{FittedForecaster, Forecaster, ModelError, Outlook};
use crate::domain::Quantile;
use crate::features::{View, envelope};

/// Smart persistence.
#[derive(Debug, Clone, Copy)]
pub struct SmartPersistence;

/// Last clear-sky index within a day, within `[0, 1.3]`; 0.6 when the sun has not shown.
pub(crate) fn last_clear_index(view: &View<'_>, envelope: &[f64]) -> f64 {
    let day = view.context.day;
    let floor = 0.05 * view.capacity();
    let edge = view.edge();
    (edge.saturating_sub(day)..edge)
        .rev()
        .find(|&i| envelope[i % day] > floor && view.value(i).is_finite())
        .map_or(0.6, |i| (view.value(i) / envelope[i % day]).clamp(0.0, 1.3))
}

impl Forecaster for SmartPersistence {
    fn name(&self) -> &'static str {
        "smart_persistence"
    }

    fn is_naive(&self) -> bool {
        true
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let needed = 2 * view.context.day;
        if view.known() < needed { Err(ModelError::too_little(self.name(), view, needed)) } else { Ok(Box::new(*self)) }
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        state.is_empty().then(|| -> Box<dyn FittedForecaster> { Box::new(*self) })
    }
}

impl FittedForecaster for SmartPersistence {
    fn outlook(&self, view: &View<'_>, _: &[Quantile]) -> Result<Outlook, ModelError> {
        let envelope = envelope(view);
        let day = view.context.day;
        if envelope.is_empty() {
            return Err(ModelError::too_little("smart_persistence", view, day));
        }
        let index = last_clear_index(view, &envelope);
        let capacity = view.capacity();
        let value = |k: usize| (index * envelope[(view.origin + k) % day]).clamp(0.0, capacity);
        Ok(Outlook { path: (0..view.context.horizon).map(value).collect(), quantiles: None })
    }

    fn state(&self) -> Vec<u8> {
        Vec::new()
    }
}
