//! Forecasts and verdicts of a readied trial.
//!
//! In: a context and a time on its grid. Out: an [`Issued`] or, after the race so far, a [`Verdict`]. Nothing is learnt here.

use super::{Forecast, Issued, Trial, index};
use crate::domain::{TimeRange, Timestamp};
use crate::evaluate::EvaluateError;
use crate::evaluate::gate::{Gate, table};
use crate::evaluate::served::MODELS_VERSION;
use crate::evaluate::verdict::{Verdict, metric};
use crate::features::{Context, TargetKind, View};
use crate::models::ModelError;

impl Trial {
    /// A forecast at `time` of the ensemble, of the best naive where the gate says so.
    pub(crate) fn issue(&self, context: &Context, time: Timestamp) -> Result<Issued, EvaluateError> {
        let view = context.view(index(context, time)?);
        let said = self.say(&view);
        let nothing = || ModelError::too_little("every candidate", &view, 2 * self.day);
        let values = self.ensemble.served(&said, &self.gate).ok_or_else(nothing)?;
        let average = || values.iter().map(|row| row.iter().sum::<f64>() / row.len() as f64).collect();
        let mean: Vec<f64> = if said.mean.is_empty() { average() } else { said.mean };
        let forecast = Forecast {
            asset_id: self.asset_id.clone(),
            quantity: self.quantity.clone(),
            issue_time: time,
            valid_times: (0..self.horizon).map(|k| context.time(view.origin + k)).collect(),
            quantiles: self.quantiles.clone(),
            values,
            model: self.verdict.as_ref().map_or_else(|| self.names[0].clone(), |verdict| verdict.model.clone()),
            model_version: MODELS_VERSION.to_owned(),
            notes: Vec::new(),
        };
        Ok(Issued { forecast, mean: (self.kind == TargetKind::Wind).then_some(mean), ceiling: None })
    }

    /// Naives that can forecast now.
    fn naives(&self) -> Vec<bool> {
        let ready = |at: usize| self.candidates.get(at).is_some_and(|candidate| candidate.fitted.is_some());
        self.naives.iter().enumerate().map(|(at, naive)| *naive && ready(at)).collect()
    }

    /// The naive gate: the aggregate, unless the best naive has less pinball loss over all leads; and the same in each bucket.
    pub(super) fn regate(&mut self) {
        let naives = self.naives();
        let rows = table(&self.ensemble.boards, &self.names, &naives, &self.ensemble.yardstick);
        let own = rows.iter().find(|(at, _)| *at + 1 == self.names.len()).map(|(_, row)| row.score);
        let naive = rows.iter().find(|(at, _)| naives[*at]).map(|(at, row)| (*at, row.score));
        self.gate = match (own, naive) {
            (Some(own), Some((_, naive))) if own <= naive => Gate::judge(&self.ensemble.boards, &naives, &self.ensemble.leads),
            (_, Some((at, _))) => Gate::only(at, &self.ensemble.leads),
            // Nothing could be judged yet: the first naive.
            _ => Gate::only(0, &self.ensemble.leads),
        };
    }

    /// Reaches a verdict on the record so far.
    pub(super) fn choose(&mut self, view: &View<'_>) {
        self.regate();
        let naives = self.naives();
        let boards = &self.ensemble.boards;
        let rows = table(boards, &self.names, &naives, &self.ensemble.yardstick);
        let naive = rows.iter().find(|(at, _)| naives[*at]).map(|(_, row)| row.clone());
        let own = rows.iter().find(|(at, _)| *at + 1 == self.names.len()).map(|(_, row)| row.clone());
        let best = own.filter(|own| naive.as_ref().is_some_and(|naive| own.score <= naive.score)).or_else(|| naive.clone());
        let fallback = self.names[0].clone();
        let context = view.context;
        let buckets = if best.is_some() { self.gate.verdicts(boards, &self.names, &self.ensemble.leads) } else { Vec::new() };
        self.verdict = Some(Verdict {
            asset_id: self.asset_id.clone(),
            quantity: self.quantity.clone(),
            evaluated_at: context.time(view.origin),
            model: best.as_ref().map_or_else(|| fallback.clone(), |row| row.model.clone()),
            best_naive: naive.as_ref().map_or(fallback, |row| row.model.clone()),
            metric: metric(),
            score: best.as_ref().map(|row| row.score),
            naive_score: naive.map(|row| row.score),
            window: best.and(self.window).and_then(|(from, to)| TimeRange::new(context.time(from), context.time(to + 1)).ok()),
            table: rows.into_iter().map(|(_, row)| row).collect(),
            buckets,
        });
    }
}
