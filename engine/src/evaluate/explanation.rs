//! Why a forecast says what it says: a value to show beside it.
//!
//! In: what each group of inputs gives to each step. Out: the same fitted to the forecast on record, and in short.

use crate::domain::{AssetId, Forecast, Quantity, Timestamp};
use crate::features::{Group, Shares};

/// What each group of inputs gives to each step of one forecast, relative to the usual level.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Whose forecast.
    pub asset_id: AssetId,
    /// Of what.
    pub quantity: Quantity,
    /// When it was issued.
    pub issue_time: Timestamp,
    /// The model that made it.
    pub model: String,
    /// Step by step.
    pub steps: Vec<ExplainedStep>,
}

/// One step of an [`Explanation`]; all values in the stored unit of the quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExplainedStep {
    /// What the step is about.
    pub valid_time: Timestamp,
    /// The median that was served (or the quantile next above it, where that was not asked for).
    pub value: f64,
    /// What each of [`Group::ALL`] gives; they sum to the value.
    pub contributions: Shares,
    /// The part of `recent` that no model's input gave: corrections learnt from the errors of the last weeks, bounds, and what
    /// was done to the forecast after the models.
    pub correction: f64,
}

/// What one group does to a whole forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupShare {
    /// Which group; never [`Group::Usual`].
    pub group: Group,
    /// Its part of all that moves the forecast away from the usual level, 0 to 1.
    pub share: f64,
    /// Mean of what it gives, the quantity's unit.
    pub mean: f64,
}

impl Explanation {
    /// Fits the values to the forecast that was stored under this explanation's issue time: what was done to it after the models,
    /// such as agreement with the levels above and below, counts as correction. Steps the forecast lacks are dropped.
    pub fn on_record(mut self, forecast: &Forecast) -> Self {
        let middle = forecast.quantiles.partition_point(|q| q.value() < 0.5 - 1e-9).min(forecast.quantiles.len().saturating_sub(1));
        let held = |time: Timestamp| {
            let at = forecast.valid_times.binary_search(&time).ok()?;
            forecast.values.get(at)?.get(middle).copied()
        };
        self.steps.retain_mut(|step| {
            let Some(value) = held(step.valid_time) else { return false };
            step.contributions[Group::Recent as usize] += value - step.value;
            step.correction += value - step.value;
            step.value = value;
            true
        });
        self
    }

    /// The reasons of a sum: those of its parts, each times its factor, at the steps that all of them have. `None` without parts.
    pub fn of_sum(asset_id: AssetId, quantity: Quantity, model: &str, parts: &[(f64, Self)]) -> Option<Self> {
        let (_, first) = parts.first()?;
        let step = |time: Timestamp| {
            let mut sum = ExplainedStep { valid_time: time, value: 0.0, contributions: Shares::default(), correction: 0.0 };
            for (factor, part) in parts {
                let at = part.steps.binary_search_by_key(&time, |step| step.valid_time).ok()?;
                let step = part.steps.get(at)?;
                sum.value += factor * step.value;
                sum.correction += factor * step.correction;
                sum.contributions.iter_mut().zip(step.contributions).for_each(|(sum, part)| *sum += factor * part);
            }
            Some(sum)
        };
        let steps = first.steps.iter().filter_map(|held| step(held.valid_time)).collect();
        Some(Self { asset_id, quantity, issue_time: first.issue_time, model: model.to_owned(), steps })
    }

    /// Recent past, weather and calendar, the strongest first; their shares sum to one unless nothing moves the forecast.
    pub fn summary(&self) -> Vec<GroupShare> {
        let moving = [Group::Recent, Group::Weather, Group::Calendar];
        let size = |group: Group| self.steps.iter().map(|step| step.contributions[group as usize].abs()).sum::<f64>();
        let all: f64 = moving.into_iter().map(size).sum();
        let row = |group: Group| GroupShare {
            group,
            share: if all > 0.0 { size(group) / all } else { 0.0 },
            mean: self.steps.iter().map(|step| step.contributions[group as usize]).sum::<f64>() / self.steps.len().max(1) as f64,
        };
        let mut rows: Vec<GroupShare> = moving.into_iter().map(row).collect();
        rows.sort_by(|a, b| b.share.total_cmp(&a.share));
        rows
    }
}

#[cfg(test)]
mod tests;
