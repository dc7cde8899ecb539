//! What outages and curtailments known at the issue time leave of a finished forecast: the last step before it is stored.
//!
//! In: a calibrated forecast and its target. Out: the same, lowered where [`ceilings`] says so. Scores and calibration never see it:
//! the past they learn from is without such stretches.

use super::Issued;
use crate::features::{Target, ceilings};

/// Lowers quantiles and mean to what is left of the target; quantiles stay in order.
pub(super) fn lowered(mut issued: Issued, target: &Target) -> Issued {
    let forecast = &mut issued.forecast;
    let Some(ceilings) = ceilings(target, forecast.issue_time, &forecast.valid_times) else { return issued };
    for (row, ceiling) in forecast.values.iter_mut().zip(&ceilings) {
        row.iter_mut().for_each(|value| *value = ceiling.of(*value));
    }
    for (mean, ceiling) in issued.mean.iter_mut().flatten().zip(&ceilings) {
        *mean = ceiling.of(*mean);
    }
    issued
}

#[cfg(test)]
mod tests;
