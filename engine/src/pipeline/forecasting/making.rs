//! One forecast: from the model that serves, from where telemetry ends when it is stale, or from what is left when no model can speak.
//!
//! In: a target, what is asked, a model if there is one. Out: [`Made`], with notes that say which way was taken. Pure; off the threads that serve.

use super::PipelineError;
use crate::domain::Note;
use crate::domain::NoteCode;
use crate::domain::Timestamp;
use crate::evaluate::EvaluateError;
use crate::evaluate::GateRequest;
use crate::evaluate::Issued;
use crate::evaluate::Served;
use crate::evaluate::amiss;
use crate::evaluate::fallback;
use crate::evaluate::gate;
use crate::evaluate::lowered;
use crate::features::Context;
use crate::features::Target;
use std::sync::Arc;

/// What a forecast is made from.
#[derive(Debug)]
pub(super) struct Making {
    pub(super) target: Arc<Target>,
    /// From when on, how far and with which quantiles; how a model is fitted where none is held.
    pub(super) request: GateRequest,
    /// The model that serves.
    pub(super) held: Option<Arc<Served>>,
    /// When it was first tried in vain to fit it anew.
    pub(super) failing: Option<Timestamp>,
}

/// A forecast and the models behind it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) issued: Issued,
    /// The model, when it was fitted for this forecast.
    pub(super) fitted: Option<Arc<Served>>,
    /// The model, also when it was held before.
    pub(super) served: Option<Arc<Served>>,
}

impl Making {
    /// The forecast of the model that serves, or of one fitted now.
    pub(super) fn forecast(&self) -> Result<Made, PipelineError> {
        let at = self.request.now;
        let (served, fitted) = match &self.held {
            Some(held) => (Arc::clone(held), None),
            None => {
                let fitted = Arc::new(gate(&self.target, &self.request)?);
                (Arc::clone(&fitted), Some(fitted))
            }
        };
        let context = served.context(&self.target, at)?;
        let mut notes = amiss(&context, at);
        let stale = notes.iter().find(|note| note.code == NoteCode::TelemetryStale).and_then(|note| note.since);
        let issued = match stale {
            Some(since) => served.issue_stale(&self.target, at, since)?,
            None => served.issue_in(&context, at)?,
        };
        if let (Some(_), None) = (self.failing, &fitted) {
            notes.push(Note { code: NoteCode::ModelUnavailable, since: self.failing, step: Some(served.card().fitted_at) });
        }
        Ok(Made { issued: self.noted(issued, notes), fitted, served: Some(served) })
    }

    /// The forecast that needs no model.
    pub(super) fn fallback(&self) -> Result<Made, PipelineError> {
        let GateRequest { now, horizon, quantiles, .. } = &self.request;
        let context = Context::new(&self.target, self.target.frame.resolution.steps_in(*horizon), &[*now]);
        let mut notes = amiss(&context.map_err(EvaluateError::from)?, *now);
        let issued = fallback(&self.target, *now, *horizon, quantiles)?;
        // What a short history means is said already.
        if !notes.iter().any(|note| note.code == NoteCode::LittleHistory) {
            notes.push(Note { code: NoteCode::ModelUnavailable, since: self.failing, step: None });
        }
        Ok(Made { issued: self.noted(issued, notes), fitted: None, served: None })
    }

    /// The forecast lowered by what outages leave, with its notes.
    fn noted(&self, issued: Issued, notes: Vec<Note>) -> Issued {
        let mut issued = lowered(issued, &self.target);
        issued.forecast.notes = notes;
        issued
    }
}

#[cfg(test)]
mod tests {
    use super::Making;
    use crate::domain::NoteCode;
    use crate::domain::Quantile;
    use crate::evaluate::GateRequest;
    use crate::features::Target;
    use crate::features::sample;
    use jiff::SignedDuration;
    use std::sync::Arc;

    fn making(target: Target, at: usize) -> Making {
        let every = SignedDuration::from_hours(6);
        let request =
            GateRequest { now: sample::at(at), horizon: SignedDuration::from_hours(24), quantiles: Quantile::deciles(), every };
        Making { target: Arc::new(target), request, held: None, failing: None }
    }

    fn codes(made: &super::Made) -> Vec<NoteCode> {
        made.issued.forecast.notes.iter().map(|note| note.code).collect()
    }

    #[test]
    fn a_model_that_could_not_be_fitted_anew_goes_on_and_says_so() {
        let mut making = making(sample::load(60), 50 * 24);
        let first = making.forecast().unwrap();
        assert!(codes(&first).is_empty() && first.fitted.is_some());
        (making.held, making.failing) = (first.served, Some(sample::at(49 * 24)));
        let again = making.forecast().unwrap();
        assert_eq!(codes(&again), [NoteCode::ModelUnavailable]);
        assert_eq!(again.issued.forecast.notes[0].step, Some(sample::at(50 * 24)));
        assert!(again.fitted.is_none() && again.issued.forecast.values == first.issued.forecast.values);
    }

    #[test]
    fn telemetry_that_stopped_widens_the_first_steps() {
        let mut fresh = making(sample::load(60), 60 * 24);
        let now = fresh.forecast().unwrap();
        fresh.held = now.served;
        fresh.request.now = sample::at(60 * 24 + 12);
        let stale = fresh.forecast().unwrap();
        assert_eq!(codes(&stale), [NoteCode::TelemetryStale]);
        assert_eq!(stale.issued.forecast.notes[0].since, Some(sample::at(60 * 24)));
        assert_eq!(stale.issued.forecast.values[..12], now.issued.forecast.values[12..]);
    }

    #[test]
    fn a_day_of_history_gives_a_forecast_with_a_note() {
        let young = making(sample::load(1), 24);
        assert!(young.forecast().unwrap_err().to_string().contains("import more history"));
        assert_eq!(codes(&young.fallback().unwrap()), [NoteCode::LittleHistory]);
        let old = making(sample::load(60), 60 * 24).fallback().unwrap();
        assert_eq!((codes(&old), old.issued.forecast.model.as_str()), (vec![NoteCode::ModelUnavailable], "climatology"));
    }
}
