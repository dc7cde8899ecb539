//! What each group of inputs gives to what is served.
//!
//! In: what was said at an origin, what the models say their inputs gave to it. Out: the same for the served median: the models'
//! shares weighed as their forecasts are, at that lead and for the median; and what corrections, bounds and the night added.

use super::{Ensemble, Said, at};
use crate::evaluate::gate::Gate;
use crate::features::{Group, Shares};
use crate::models::mixed_at;

/// What is served at one step, by groups.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::evaluate) struct Reason {
    /// The served median.
    pub(in crate::evaluate) value: f64,
    /// Sum to the value.
    pub(in crate::evaluate) shares: Shares,
    /// The part of [`Group::Recent`] that is no model's: what the record of the last weeks corrects, and bounds.
    pub(in crate::evaluate) correction: f64,
}

impl Ensemble {
    /// What a model says in the middle: its own median, else its path.
    pub(in crate::evaluate) fn middle(&self, said: &Said, model: usize) -> Option<Vec<f64>> {
        let (q, at) = (self.yardstick.width(), self.yardstick.middle());
        match &said.rows[model] {
            Some(rows) => Some(rows.iter().skip(at).step_by(q).copied().collect()),
            None => said.paths[model].clone(),
        }
    }

    /// One per step; `of_models` holds the shares of every model that said something, `served` the rows of [`Ensemble::served`].
    pub(in crate::evaluate) fn reasons(
        &self,
        said: &Said,
        gate: &Gate,
        served: &[Vec<f64>],
        of_models: &[Option<Vec<Shares>>],
    ) -> Vec<Reason> {
        let weights = self.model_weights(said, gate);
        let reason = |(k, row): (usize, &Vec<f64>)| {
            let value = row[self.yardstick.middle()];
            let mut shares = Shares::default();
            // At a plant's night all is zero, whatever the models said.
            if said.ground[k].scale > 0.0 || value != 0.0 {
                for (model, weight) in of_models.iter().zip(&weights[k]).filter(|(_, weight)| **weight > 0.0) {
                    let parts = model.as_ref().map_or(Shares::default(), |steps| steps[k]);
                    shares.iter_mut().zip(parts).for_each(|(sum, part)| *sum += weight * part);
                }
            }
            let correction = value - shares.iter().sum::<f64>();
            shares[Group::Recent as usize] += correction;
            Reason { value, shares, correction }
        };
        served.iter().enumerate().map(reason).collect()
    }

    /// `[step][model]`: what each model weighs in the served median, mixtures given to their models, with sum one.
    fn model_weights(&self, said: &Said, gate: &Gate) -> Vec<Vec<f64>> {
        let horizon = said.ground.len();
        if said.aggregate.is_none() {
            let first = said.paths.iter().position(Option::is_some);
            return vec![(0..self.models).map(|at| if Some(at) == first { 1.0 } else { 0.0 }).collect(); horizon];
        }
        let rows: Vec<bool> = said.rows.iter().map(Option::is_some).collect();
        let paths: Vec<bool> = said.paths.iter().take(self.models).map(Option::is_some).collect();
        let mixed: Vec<Option<Vec<Vec<f64>>>> = self.mixtures.iter().map(|mixture| mixture.weights(&paths)).collect();
        let mut all = Vec::with_capacity(horizon);
        for bucket in 0..self.leads.len() {
            let (usual, feast) = (self.experts.weights(bucket, &rows), self.feast_weights(said, bucket, &rows));
            let (from, to) = self.leads.range(bucket);
            for k in from..to {
                let weights = &at(said, k, &usual, feast.as_ref())[self.yardstick.middle()];
                let mut own = weights[..self.models].to_vec();
                for (mixture, weight) in mixed.iter().zip(&weights[self.models..]) {
                    if let Some(mixture) = mixture {
                        let shares = mixed_at(mixture, k, self.hour);
                        own.iter_mut().zip(shares).for_each(|(sum, share)| *sum += weight * share);
                    }
                }
                if let (share, Some(naive)) = gate.at(&self.leads, k)
                    && share < 1.0
                    && rows[naive]
                {
                    own.iter_mut().for_each(|weight| *weight *= share);
                    own[naive] += 1.0 - share;
                }
                all.push(own);
            }
        }
        all
    }
}
