//! The naive family that repeats the past: persistence, day, week, their blend, damped persistence, and a blend that
//! minds the calendar.
//!
//! In: a view. Out: a path. Persistence, day, week, blend and damped are those of the bench's `baseline.py`, step for step.

use super::state::{read, written};
use super::{FittedForecaster, Forecaster, ModelError, Outlook};
use crate::domain::Quantile;
use crate::features::{Moment, Shares, View, base_shares, civil_lag};
use serde::{Deserialize, Serialize};

/// Repeats the last value (no period), the last known day, the last known week, or the mean of several.
#[derive(Debug, Clone, Copy)]
pub struct Seasonal {
    name: &'static str,
    days: &'static [usize],
}

impl Seasonal {
    /// Last known value.
    pub fn persistence() -> Self {
        Self { name: "persistence", days: &[] }
    }

    /// Same time on the last known day, repeated.
    pub fn daily() -> Self {
        Self { name: "daily", days: &[1] }
    }

    /// Same time in the last known week, repeated.
    pub fn weekly() -> Self {
        Self { name: "weekly", days: &[7] }
    }

    /// Half day, half week.
    pub fn blend() -> Self {
        Self { name: "blend", days: &[1, 7] }
    }
}

/// Value of the last known period at step `k`; a hole takes the same place up to eight periods earlier, at last the last value.
pub fn seasonal(view: &View<'_>, k: usize, period: usize) -> f64 {
    let ahead = k + view.delay;
    let back = (period * (ahead / period + 1)) as i64;
    let index = (view.origin + k) as i64 - back;
    (0..=8).map(|n| view.value_at(index - n * period as i64)).find(|v| v.is_finite()).unwrap_or_else(|| view.last())
}

impl Forecaster for Seasonal {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_naive(&self) -> bool {
        true
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        if view.known() == 0 { Err(ModelError::too_little(self.name, view, 1)) } else { Ok(Box::new(*self)) }
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        state.is_empty().then(|| -> Box<dyn FittedForecaster> { Box::new(*self) })
    }
}

impl FittedForecaster for Seasonal {
    fn outlook(&self, view: &View<'_>, _: &[Quantile]) -> Result<Outlook, ModelError> {
        let last = view.last();
        if last.is_nan() {
            return Err(ModelError::too_little(self.name, view, 1));
        }
        let share = 1.0 / self.days.len().max(1) as f64;
        let value = |k| match self.days {
            [] => last,
            days => days.iter().map(|d| share * seasonal(view, k, d * view.context.day)).sum(),
        };
        Ok(Outlook { path: (0..view.context.horizon).map(value).collect(), quantiles: None })
    }

    fn state(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// `a × last + (1 − a) × mean`, the slope `a` per lead from all past origins.
#[derive(Debug, Clone, Copy)]
pub struct Damped;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct FittedDamped {
    slopes: Vec<f64>,
    mean: f64,
}

/// Regression slope of the value `k` steps after the edge on the last value, within `[0, 1]`, per lead; and the mean.
pub(crate) fn slopes(view: &View<'_>) -> (Vec<f64>, f64) {
    let past = view.past(0);
    let mean = view.series().mean(0, view.edge());
    let mut last = Vec::with_capacity(past.len());
    let mut newest = f64::NAN;
    for &value in past {
        last.push(newest - mean);
        newest = if value.is_finite() { value } else { newest };
    }
    let slope = |k: usize| {
        let (mut above, mut below) = (0.0, 0.0);
        for (x, y) in last.iter().zip(past.iter().skip(k + view.delay)) {
            if x.is_finite() && y.is_finite() {
                above += x * (y - mean);
                below += x * x;
            }
        }
        if below > 0.0 { (above / below).clamp(0.0, 1.0) } else { 1.0 }
    };
    ((0..view.context.horizon).map(slope).collect(), mean)
}

impl Forecaster for Damped {
    fn name(&self) -> &'static str {
        "damped"
    }

    fn is_naive(&self) -> bool {
        true
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let needed = 2 * view.context.day;
        if view.known() < needed {
            return Err(ModelError::too_little(self.name(), view, needed));
        }
        let (slopes, mean) = slopes(view);
        Ok(Box::new(FittedDamped { slopes, mean }))
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        read::<FittedDamped>(state).map(|fitted| -> Box<dyn FittedForecaster> { Box::new(fitted) })
    }
}

impl FittedForecaster for FittedDamped {
    fn outlook(&self, view: &View<'_>, _: &[Quantile]) -> Result<Outlook, ModelError> {
        let last = view.last();
        if last.is_nan() {
            return Err(ModelError::too_little("damped", view, 1));
        }
        let path = self.slopes.iter().map(|a| a * last + (1.0 - a) * self.mean).collect();
        Ok(Outlook { path, quantiles: None })
    }

    fn state(&self) -> Vec<u8> {
        written(self)
    }
}

/// Blend of the last days whose calendar is like the target's: same civil time (clock changes), both in or both out of
/// Ramadan, neither a holiday unless the target is. Not a member of the naive family: it uses prior knowledge.
#[derive(Debug, Clone, Copy)]
pub struct CalendarBlend;

impl Forecaster for CalendarBlend {
    fn name(&self) -> &'static str {
        "calendar_blend"
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let needed = 2 * view.context.day;
        if view.known() < needed { Err(ModelError::too_little("calendar_blend", view, needed)) } else { Ok(Box::new(*self)) }
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        state.is_empty().then(|| -> Box<dyn FittedForecaster> { Box::new(*self) })
    }
}

impl FittedForecaster for CalendarBlend {
    fn outlook(&self, view: &View<'_>, _: &[Quantile]) -> Result<Outlook, ModelError> {
        let path: Vec<f64> = (0..view.context.horizon).map(|k| calendar_value(view, k)).collect();
        if path.iter().any(|v| v.is_nan()) {
            return Err(ModelError::too_little("calendar_blend", view, 1));
        }
        Ok(Outlook { path, quantiles: None })
    }

    fn state(&self) -> Vec<u8> {
        Vec::new()
    }

    fn reasons(&self, view: &View<'_>, said: &[f64]) -> Vec<Shares> {
        base_shares(view, said)
    }
}

fn alike(a: Moment, b: Moment) -> bool {
    a.kind.is_like(&b.kind)
}

fn calendar_value(view: &View<'_>, k: usize) -> f64 {
    let day = view.context.day;
    let first = (k + view.delay) / day + 1;
    let target = view.context.calendar.seen(view.origin + k, view.origin);
    let week = first.div_ceil(7) * 7;
    let (day_value, day_moment) = civil_lag(view, k, first);
    let (week_value, week_moment) = civil_lag(view, k, week);
    match (alike(target, day_moment), alike(target, week_moment)) {
        (true, false) if day_value.is_finite() => day_value,
        (false, true) if week_value.is_finite() => week_value,
        (false, false) => {
            let lags = (first..=first + 35).map(|d| civil_lag(view, k, d));
            let found = lags.filter(|(v, m)| v.is_finite() && alike(target, *m)).map(|(v, _)| v).next();
            found.unwrap_or_else(|| seasonal(view, k, day))
        }
        _ => 0.5 * (seasonal(view, k, day) + seasonal(view, k, 7 * day)),
    }
}
