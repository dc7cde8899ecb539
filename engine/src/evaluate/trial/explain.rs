//! Why the forecast of a readied trial is what it is.
//!
//! In: a context and a time on its grid. Out: an [`Explanation`] of the forecast that [`Trial::issue`] gives there. Nothing is
//! learnt here.

use super::{Trial, index};
use crate::domain::Timestamp;
use crate::evaluate::EvaluateError;
use crate::evaluate::explanation::{ExplainedStep, Explanation};
use crate::features::Context;
use crate::models::ModelError;

impl Trial {
    /// What each group of inputs gives to the median of each step.
    pub(crate) fn explain(&self, context: &Context, time: Timestamp) -> Result<Explanation, EvaluateError> {
        let view = context.view(index(context, time)?);
        let said = self.say(&view);
        let nothing = || ModelError::too_little("every candidate", &view, 2 * self.day);
        let served = self.ensemble.served(&said, &self.gate).ok_or_else(nothing)?;
        let of_model = |(at, candidate): (usize, &super::Candidate)| {
            let middle = self.ensemble.middle(&said, at)?;
            Some(candidate.fitted.as_ref()?.reasons(&view, &middle))
        };
        let of_models: Vec<_> = self.candidates.iter().enumerate().map(of_model).collect();
        let reasons = self.ensemble.reasons(&said, &self.gate, &served, &of_models);
        let step = |(k, reason): (usize, crate::evaluate::ensemble::Reason)| ExplainedStep {
            valid_time: context.time(view.origin + k),
            value: reason.value,
            contributions: reason.shares,
            correction: reason.correction,
        };
        Ok(Explanation {
            asset_id: self.asset_id.clone(),
            quantity: self.quantity.clone(),
            issue_time: time,
            model: self.verdict.as_ref().map_or_else(|| self.names[0].clone(), |verdict| verdict.model.clone()),
            steps: reasons.into_iter().enumerate().map(step).collect(),
        })
    }
}
