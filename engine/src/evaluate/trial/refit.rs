//! When models are fitted again and bands are made again.
//!
//! In: a view of now. Out: a trial whose fits, bands and gate are as fresh as they should be.

use super::Trial;
use crate::features::View;
use crate::models::FittedForecaster;
use std::sync::Arc;

/// Days between fits while the history is short, and afterwards.
const REFIT_DAYS: (usize, usize) = (14, 28);

impl Trial {
    /// Takes in the truth known by now, refits and calibrates what is due.
    pub(super) fn ready(&mut self, view: &View<'_>) {
        self.settle(view);
        let days = |since: Option<usize>| since.map_or(usize::MAX, |at| (view.origin - at) / self.day);
        let known = view.known() / self.day;
        let usual = if known < 365 { REFIT_DAYS.0 } else { REFIT_DAYS.1 };
        for candidate in &mut self.candidates {
            // A model that could not be fitted is tried again when the usual time has passed.
            let wait = candidate.model.refit_days(known).filter(|_| candidate.fitted.is_some()).unwrap_or(usual);
            if days(candidate.fitted_at) >= wait {
                candidate.fitted_at = Some(view.origin);
                if let Ok(fitted) = candidate.model.fit(view) {
                    candidate.fitted = Some(Arc::<dyn FittedForecaster>::from(fitted));
                }
            }
        }
        if days(self.tabulated_at) >= 1 {
            self.tabulated_at = Some(view.origin);
            self.ensemble.tabulate();
            self.regate();
        }
    }
}
