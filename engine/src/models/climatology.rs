//! Climatology: what usually happens, as quantiles.
//!
//! In: a view. Out: a path (the median) and quantiles: per time of day over recent days (load) or days of the season (solar),
//! or over everything (wind). The bench's `climatology` and `recent30`.

use super::state::{read, written};
use super::{FittedForecaster, Forecaster, ModelError, Outlook};
use crate::domain::Quantile;
use crate::features::{Shares, View};

/// Which past is usual.
#[derive(Debug, Clone, Copy)]
enum Past {
    Days(usize),
    Season,
    Everything,
}

/// Quantiles of the past.
#[derive(Debug, Clone, Copy)]
pub struct Climatology {
    name: &'static str,
    past: Past,
}

impl Climatology {
    /// Time of day over the last days.
    pub fn of_days(days: usize) -> Self {
        Self { name: if days == 30 { "recent30" } else { "climatology" }, past: Past::Days(days) }
    }

    /// Time of day within 30 days of the season; the last 30 days while there are fewer than 60 of those.
    pub fn of_season() -> Self {
        Self { name: "climatology", past: Past::Season }
    }

    /// Everything before the fit.
    pub fn of_everything() -> Self {
        Self { name: "climatology", past: Past::Everything }
    }
}

#[derive(Debug, Clone)]
struct Fitted {
    rule: Climatology,
    sorted: Vec<f64>,
}

impl Forecaster for Climatology {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_naive(&self) -> bool {
        true
    }

    fn fit(&self, view: &View<'_>) -> Result<Box<dyn FittedForecaster>, ModelError> {
        let needed = 2 * view.context.day;
        if view.known() < needed {
            return Err(ModelError::too_little(self.name, view, needed));
        }
        let sorted = if let Past::Everything = self.past { sorted(view.past(0).iter().copied()) } else { Vec::new() };
        Ok(Box::new(Fitted { rule: *self, sorted }))
    }

    fn restore(&self, state: &[u8]) -> Option<Box<dyn FittedForecaster>> {
        read(state).map(|sorted| -> Box<dyn FittedForecaster> { Box::new(Fitted { rule: *self, sorted }) })
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut known: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    known.sort_by(f64::total_cmp);
    known
}

fn quantiles_of(sorted: &[f64], quantiles: &[Quantile]) -> Option<(f64, Vec<f64>)> {
    use crate::features::sorted_quantile;
    let median = sorted_quantile(sorted, 0.5)?;
    Some((median, quantiles.iter().filter_map(|q| sorted_quantile(sorted, q.value())).collect()))
}

impl FittedForecaster for Fitted {
    fn outlook(&self, view: &View<'_>, quantiles: &[Quantile]) -> Result<Outlook, ModelError> {
        let (day, horizon) = (view.context.day, view.context.horizon);
        let nothing = || ModelError::too_little(self.rule.name, view, 2 * day);
        let days = match self.rule.past {
            Past::Everything => {
                let (median, all) = quantiles_of(&self.sorted, quantiles).ok_or_else(nothing)?;
                return Ok(Outlook { path: vec![median; horizon], quantiles: Some(vec![all; horizon]) });
            }
            Past::Days(days) => (view.origin / day).saturating_sub(days)..view.origin / day,
            Past::Season => 0..0,
        };
        let days: Vec<usize> =
            if let Past::Season = self.rule.past { crate::features::season_days(view, 30, 60, 30) } else { days.collect() };
        let of_phase = |phase: usize| quantiles_of(&sorted(days.iter().map(|d| view.value(d * day + phase))), quantiles);
        let table: Vec<Option<(f64, Vec<f64>)>> = (0..day).map(of_phase).collect();
        let (mut path, mut all) = (Vec::with_capacity(horizon), Vec::with_capacity(horizon));
        for k in 0..horizon {
            let (median, row) = table[(view.origin + k) % day].clone().ok_or_else(nothing)?;
            path.push(median);
            all.push(row);
        }
        Ok(Outlook { path, quantiles: Some(all) })
    }

    fn state(&self) -> Vec<u8> {
        written(&self.sorted)
    }

    fn reasons(&self, _: &View<'_>, said: &[f64]) -> Vec<Shares> {
        said.iter().map(|value| [*value, 0.0, 0.0, 0.0]).collect()
    }
}
