//! What outages and curtailments known at the issue time leave of a finished forecast: the last step before it is stored.
//!
//! In: a calibrated forecast, or its reasons, and its target. Out: the same, lowered where [`ceilings`] says so. Scores and calibration never see it:
//! the past they learn from is without such stretches.

use super::{Explanation, Issued};
use crate::features::{Group, Target, ceilings};

/// Lowers quantiles and mean to what is left of the target; quantiles stay in order.
pub(crate) fn lowered(mut issued: Issued, target: &Target) -> Issued {
    let forecast = &mut issued.forecast;
    let Some(ceilings) = ceilings(target, forecast.issue_time, &forecast.valid_times) else { return issued };
    for (row, ceiling) in forecast.values.iter_mut().zip(&ceilings) {
        row.iter_mut().for_each(|value| *value = ceiling.of(*value));
    }
    for (mean, ceiling) in issued.mean.iter_mut().flatten().zip(&ceilings) {
        *mean = ceiling.of(*mean);
    }
    issued.ceiling = Some(ceilings.iter().map(|ceiling| ceiling.most).collect());
    issued
}

/// Lowers the explained medians as [`lowered`] lowers the forecast; what that takes is calendar, like all that is known to come.
pub(crate) fn lowered_reasons(mut explanation: Explanation, target: &Target) -> Explanation {
    let times: Vec<_> = explanation.steps.iter().map(|step| step.valid_time).collect();
    let Some(ceilings) = ceilings(target, explanation.issue_time, &times) else { return explanation };
    for (step, ceiling) in explanation.steps.iter_mut().zip(&ceilings) {
        let value = ceiling.of(step.value);
        step.contributions[Group::Calendar as usize] += value - step.value;
        step.value = value;
    }
    explanation
}

#[cfg(test)]
mod tests;
