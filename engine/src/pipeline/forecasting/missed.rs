//! Issues that were missed while the program was down, made up as known then.
//!
//! In: a time, the schedule, how far back. Out: the issue times without a forecast, newest first, and their forecasts: rows that became available
//! later are not in them, and only a model that was fitted by then makes them. They carry the issue time they should have had.

use super::ForecastCycle;
use super::Pipeline;
use super::PipelineError;
use crate::domain::Asset;
use crate::domain::Quantity;
use crate::domain::TimeRange;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// Forecasts that are not there.
#[derive(Debug, Clone, PartialEq)]
pub struct Missed {
    /// When they should have been issued.
    pub at: Timestamp,
    targets: Vec<(Asset, Quantity)>,
}

impl Pipeline {
    /// Which of the issues that the schedule has every `every` in the last `back` before `now` are not stored, newest first. Those before the
    /// model that serves was fitted are not among them, nor is the one that `now` belongs to.
    ///
    /// # Errors
    /// [`PipelineError::Store`], [`PipelineError::Ledger`].
    pub async fn missed(&self, now: Timestamp, every: SignedDuration, back: SignedDuration) -> Result<Vec<Missed>, PipelineError> {
        let step = every.as_secs().max(1);
        let slot = |time: Timestamp| time.as_second().div_euclid(step);
        let first = now.saturating_sub(back).unwrap_or(Timestamp::MIN);
        let mut slots: BTreeMap<i64, Vec<(Asset, Quantity)>> = BTreeMap::new();
        for (asset, quantity) in self.default_targets() {
            let key = (asset.id.clone(), quantity.clone());
            let Some(served) = self.serving_at(&key, super::resolution(&asset), now).await? else { continue };
            // The first slot that begins when the model was there.
            let begin = slot(first.max(served.card().fitted_at)) + 1;
            let end = slot(now);
            let Ok(range) = TimeRange::new(at(begin * step), at(end * step)) else { continue };
            let stored = self.store.issued(&key.0, &key.1, range).await?;
            let mut there = vec![false; usize::try_from(end - begin).unwrap_or(0)];
            for time in stored {
                if let Some(there) = usize::try_from(slot(time) - begin).ok().and_then(|at| there.get_mut(at)) {
                    *there = true;
                }
            }
            for (slot, _) in (begin..).zip(there).filter(|(_, there)| !there) {
                slots.entry(slot).or_default().push((asset.clone(), quantity.clone()));
            }
        }
        Ok(slots.into_iter().rev().map(|(slot, targets)| Missed { at: at(slot * step), targets }).collect())
    }

    /// Issues and stores the forecasts of one time that was missed.
    pub async fn make_up(&self, missed: Missed) -> ForecastCycle {
        self.cycle_of(missed.targets, missed.at).await
    }
}

/// The time so many seconds after 1970.
fn at(second: i64) -> Timestamp {
    from_micros(second.saturating_mul(1_000_000))
}
