//! A settled trial as a value that can be written and read again.
//!
//! In: a trial that can issue. Out: a [`State`], or the trial of one: it issues the same bytes. What only learning needs is not in it.

use super::{Candidate, IssuedErrors, Trial};
use crate::domain::{AssetId, Quantile, Quantity};
use crate::evaluate::ensemble::{AGGREGATE, Ensemble, MIXTURES};
use crate::evaluate::gate::Gate;
use crate::evaluate::verdict::Verdict;
use crate::features::TargetKind;
use crate::models::state::Bytes;
use crate::models::{Forecaster, candidates};
use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, sync::Arc};

/// What a trial knows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    asset_id: AssetId,
    quantity: Quantity,
    horizon: usize,
    day: usize,
    kind: TargetKind,
    quantiles: Vec<f64>,
    /// Name of each candidate, and what it learnt where it could be fitted.
    fits: Vec<(String, Option<Bytes>)>,
    ensemble: Ensemble,
    gate: Gate,
    errors: Vec<IssuedErrors>,
    verdict: Option<Verdict>,
}

impl Trial {
    /// What it knows.
    pub(crate) fn state(&self) -> State {
        let fit =
            |candidate: &Candidate| (candidate.name.to_owned(), candidate.fitted.as_ref().map(|fitted| Bytes(fitted.state())));
        State {
            asset_id: self.asset_id.clone(),
            quantity: self.quantity.clone(),
            horizon: self.horizon,
            day: self.day,
            kind: self.kind,
            quantiles: self.quantiles.iter().map(|q| q.value()).collect(),
            fits: self.candidates.iter().map(fit).collect(),
            ensemble: self.ensemble.clone(),
            gate: self.gate.clone(),
            errors: self.errors.clone(),
            verdict: self.verdict.clone(),
        }
    }

    /// The trial that knows this; `None` when the candidates of this version are others, or a model refuses what it learnt.
    pub(crate) fn of(state: State) -> Option<Self> {
        let named = |models: &Vec<Box<dyn Forecaster>>| {
            models.iter().map(|m| m.name()).eq(state.fits.iter().map(|(name, _)| name.as_str()))
        };
        let models = [true, false].into_iter().map(|weather| candidates(state.kind, weather)).find(named)?;
        let mut all = Vec::with_capacity(models.len());
        for (model, (_, bytes)) in models.into_iter().zip(&state.fits) {
            let fitted = match bytes {
                Some(Bytes(bytes)) => Some(Arc::from(model.restore(bytes)?)),
                None => None,
            };
            all.push(Candidate { name: model.name(), naive: model.is_naive(), model: Arc::from(model), fitted, fitted_at: None });
        }
        let others = MIXTURES.map(|(name, _)| name).into_iter().chain([AGGREGATE]);
        Some(Self {
            asset_id: state.asset_id,
            quantity: state.quantity,
            horizon: state.horizon,
            day: state.day,
            kind: state.kind,
            quantiles: state.quantiles.into_iter().map(Quantile::new).collect::<Result<_, _>>().ok()?,
            names: all.iter().map(|c| c.name).chain(others).map(str::to_owned).collect(),
            naives: all.iter().map(|c| c.naive).chain([false; MIXTURES.len() + 1]).collect(),
            candidates: all,
            ensemble: state.ensemble,
            gate: state.gate,
            log: VecDeque::new(),
            errors: state.errors,
            cursor: 0,
            tabulated_at: None,
            window: None,
            verdict: Some(state.verdict?),
        })
    }
}
