//! The ground a forecast stands on: what the error of a step is compared by, and in units of what.
//!
//! In: a view. Out: one [`Ground`] per step ahead. It depends on the time only, not on what a model says, so it is computed once
//! per origin for all models.

use crate::features::{TargetKind, View, envelope};
use std::sync::Arc;

/// One step ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ground {
    /// Civil time of day in `[0, 1)`.
    pub phase: f64,
    /// kW of one unit of error: level of a load, rated power of wind, clear sky of solar; 0 where there can be none (night).
    pub scale: f64,
    /// A holiday or the day after one: errors are not those of other days.
    pub unusual: bool,
}

/// Share of the rated power below which the clear sky counts as night.
const NIGHT: f64 = 1e-4;

/// Ground of all steps of a view's horizon.
pub fn ground(view: &View<'_>) -> Vec<Ground> {
    let context = view.context;
    let capacity = view.capacity();
    let level = view.mean(7 * context.day, 0);
    let level = if level.is_finite() && level.abs() > 0.0 { level.abs() } else { 1.0 };
    let sky = if context.kind == TargetKind::Solar { envelope(view) } else { Arc::default() };
    let step = |k: usize| {
        let index = view.origin + k;
        let moment = context.calendar.seen(index, view.origin);
        let scale = match context.kind {
            TargetKind::Load => level,
            TargetKind::Wind => capacity,
            TargetKind::Solar => sky.get(index % context.day).copied().filter(|sky| *sky > NIGHT * capacity).unwrap_or(0.0),
        };
        let unusual = moment.kind.holiday >= 0.5 || moment.before.holiday >= 0.5;
        Ground { phase: f64::from(moment.minute) / 1440.0, scale, unusual }
    };
    (0..context.horizon).map(step).collect()
}

/// State of a forecast `value`: time of day, level, or clear-sky index.
pub(super) fn state(kind: TargetKind, ground: Ground, value: f64) -> f64 {
    match kind {
        TargetKind::Load => ground.phase,
        TargetKind::Wind | TargetKind::Solar => value / ground.scale,
    }
}
