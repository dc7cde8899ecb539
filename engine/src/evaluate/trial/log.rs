//! The log of past forecasts: kept until the truth of all their steps has had its time.
//!
//! In: views of past origins. Out: an ensemble that has learnt from them, and their errors.

use super::{IssuedErrors, Said, Trial};
use crate::features::View;
use crate::models::{Outlook, ground};

/// Most past errors kept.
const MOST_ERRORS: usize = 200;

impl Trial {
    /// What the models and their ensemble say at an origin.
    pub(super) fn say(&self, view: &View<'_>) -> Said {
        let outlook = |at: usize| -> Option<Outlook> { self.candidates[at].fitted.as_ref()?.outlook(view, &self.quantiles).ok() };
        let outlooks = (0..self.candidates.len()).map(outlook).collect();
        self.ensemble.say(view.origin, ground(view), bounds(view), outlooks, &self.gate)
    }

    /// Issues every candidate at a past origin and keeps what it said.
    pub(super) fn record(&mut self, view: &View<'_>) {
        let said = self.say(view);
        self.log.push_back(said);
    }

    /// Compares logged forecasts with the truth that has become known.
    pub(super) fn settle(&mut self, view: &View<'_>) {
        self.ensemble.fade(view.origin as f64 / self.day as f64);
        for said in &mut self.log {
            let to = view.edge().saturating_sub(said.origin).min(self.horizon);
            let origin = said.origin;
            if to > said.settled {
                self.window = Some(self.window.map_or((origin, origin), |(from, last)| (from.min(origin), last.max(origin))));
            }
            self.ensemble.settle(said, to, |k| view.value(origin + k));
        }
        while self.log.front().is_some_and(|said| said.settled >= self.horizon) {
            if let Some(said) = self.log.pop_front().filter(|said| !said.mean.is_empty()) {
                self.errors.push(IssuedErrors { issue_time: view.context.time(said.origin), errors: said.errors });
            }
        }
        let surplus = self.errors.len().saturating_sub(MOST_ERRORS);
        self.errors.drain(..surplus);
    }
}

/// Physical limits: no load and no solar power below zero. Wind plants take power in when they stand still, as far as they did.
pub(in crate::evaluate) fn bounds(view: &View<'_>) -> (f64, f64) {
    use crate::features::TargetKind::{Load, Solar, Wind};
    let (low, high) = view.bounds();
    match view.context.kind {
        // A net load may well be negative; noise about zero makes no load so.
        Load if low < -0.05 * view.mean(7 * view.context.day, 0).abs() => (low, high),
        Load | Solar => (0.0, high.max(0.0)),
        Wind => (low, high),
    }
}
