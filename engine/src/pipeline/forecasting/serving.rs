//! Which model serves, when it is fitted anew, and the watch over its errors.
//!
//! In: times and forecasts. Out: models: from memory, else from the register (a restart serves at once, with the same bytes), else fitted. A
//! refit is due when its time has come or the errors have drifted; a target is tried once a day at most.

use super::ForecastCycle;
use super::Pipeline;
use super::PipelineError;
use super::blocking;
use super::grid_time;
use super::making::Made;
use super::resolution;
use super::scores_batch;
use crate::domain::Asset;
use crate::domain::AssetId;
use crate::domain::NoteCode;
use crate::domain::Quantile;
use crate::domain::Quantity;
use crate::domain::Resolution;
use crate::domain::Table;
use crate::domain::Timestamp;
use crate::domain::from_micros;
use crate::domain::micros;
use crate::evaluate::Drift;
use crate::evaluate::Served;
use crate::evaluate::Verdict;
use crate::evaluate::Watched;
use crate::evaluate::gate;
use crate::evaluate::shared;
use crate::features::Target;
use crate::store::ledger::FitReason;
use crate::store::ledger::ModelRow;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// A target is fitted anew at most this often.
const BETWEEN_FITS: SignedDuration = SignedDuration::from_hours(24);

type Key = (AssetId, Quantity);

#[derive(Debug, Default)]
struct State {
    watched: BTreeMap<Key, Watched>,
    /// Targets whose errors have drifted since their model was fitted, and how.
    drifted: BTreeMap<Key, Drift>,
    /// When a fit was tried last, and since when tries have failed.
    tried: BTreeMap<Key, (Timestamp, Option<Timestamp>)>,
}

/// What is known of the models that serve, beside the models.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Serving(Mutex<State>);

impl Serving {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when fits of a target fail; `None` while they do not.
    pub(super) fn failing_since(&self, key: &Key) -> Option<Timestamp> {
        self.state().tried.get(key).and_then(|(_, failing)| *failing)
    }

    fn tried(&self, key: &Key, at: Timestamp, done: bool) {
        let mut state = self.state();
        let failing = state.tried.get(key).and_then(|(_, failing)| *failing);
        state.tried.insert(key.clone(), (at, if done { None } else { failing.or(Some(at)) }));
    }
}

impl Pipeline {
    /// The model that serves a target, if it was fitted by `at`: a model of later times would know what came.
    pub(in crate::pipeline) async fn serving_at(
        &self,
        key: &Key,
        grid: Resolution,
        at: Timestamp,
    ) -> Result<Option<Arc<Served>>, PipelineError> {
        let held = self.served.read().await.get(key).cloned();
        let held = match held {
            Some(held) => Some(held),
            None => self.restore(key).await?,
        };
        let speaks = |held: &Arc<Served>| held.speaks(grid, self.options.horizon, &Quantile::deciles());
        Ok(held.filter(|held| held.card().fitted_at <= at && speaks(held)))
    }

    /// The model that served before the last stop.
    async fn restore(&self, key: &Key) -> Result<Option<Arc<Served>>, PipelineError> {
        let Some(ledger) = &self.ledger else { return Ok(None) };
        let Some(kept) = ledger.served_model(&key.0, &key.1).await? else { return Ok(None) };
        let (asset, id) = (key.0.to_string(), kept.row.model_id);
        let Some(served) = blocking(&asset, move || Ok(Served::from_state(&kept.state).map(Arc::new))).await? else {
            tracing::info!(asset, model = id, "the model kept is of another version; a new one is fitted");
            return Ok(None);
        };
        let watch = kept.watch.and_then(|text| serde_json::from_str(&text).ok());
        self.serving.state().watched.insert(key.clone(), watch.unwrap_or_else(|| fresh_watch(&served)));
        self.served.write().await.entry(key.clone()).or_insert_with(|| Arc::clone(&served));
        Ok(Some(served))
    }

    /// Lets a model serve, unless a newer one does, and keeps it in the register.
    pub(super) async fn serve(&self, key: &Key, served: Arc<Served>, reason: FitReason) {
        {
            let mut all = self.served.write().await;
            if all.get(key).is_some_and(|held| held.card().fitted_at > served.card().fitted_at) {
                return;
            }
            all.insert(key.clone(), Arc::clone(&served));
        }
        self.serving.tried(key, served.card().fitted_at, true);
        {
            let mut state = self.serving.state();
            state.watched.insert(key.clone(), fresh_watch(&served));
            state.drifted.remove(key);
        }
        if let Some(ledger) = &self.ledger
            && let Err(error) = ledger.keep_model(&row(&served, reason), &served.state()).await
        {
            tracing::error!(asset = %key.0, quantity = %key.1, %error, "the model serves, but is not in the register: a restart will fit it again");
        }
    }

    /// Compares what was issued a day before with what came, and takes note of what is issued now.
    pub(super) async fn compare(&self, key: &Key, made: &Made, target: &Target) {
        let Some(served) = &made.served else { return };
        let (at, frame) = (made.issued.forecast.issue_time, &target.frame);
        let text = {
            let mut state = self.serving.state();
            let watched = state.watched.entry(key.clone()).or_insert_with(|| fresh_watch(served));
            let truth = |time: i64| {
                let row = frame.index_at(from_micros(time));
                let known =
                    frame.available_at.get(row).is_some_and(|known| *known <= micros(at)) && micros(frame.time(row)) == time;
                let value = frame.column(&key.1).and_then(|column| column.get(row)).copied();
                value.filter(|value| known && value.is_finite())
            };
            let found = watched.settle(&Quantile::deciles(), truth, at);
            let stale = made.issued.forecast.notes.iter().any(|note| note.code == NoteCode::TelemetryStale);
            // Of forecasts that say themselves how uncertain they are, nothing is learnt about the model.
            if !stale {
                watched.expect(&made.issued.forecast);
            }
            let text = serde_json::to_string(watched);
            if let Some(drift) = found {
                tracing::warn!(asset = %key.0, quantity = %key.1, ?drift, "the errors of the forecasts have drifted");
                state.drifted.insert(key.clone(), drift);
            }
            text
        };
        if let (Some(ledger), Ok(text)) = (&self.ledger, text)
            && let Err(error) = ledger.keep_watch(&served.card().id, &text).await
        {
            tracing::warn!(asset = %key.0, %error, "what is known of the model's errors is not kept");
        }
    }

    /// Why the model of a target is to be fitted anew at `now`; `None` when it is not.
    async fn due(&self, key: &Key, now: Timestamp, every: SignedDuration) -> Option<FitReason> {
        let fitted_at = self.served.read().await.get(key).map(|served| served.card().fitted_at)?;
        let state = self.serving.state();
        let last = state.tried.get(key).map_or(fitted_at, |(tried, _)| fitted_at.max(*tried));
        let passed = |since: Timestamp, wait: SignedDuration| now.duration_since(since) >= wait;
        if !passed(last, BETWEEN_FITS.min(every)) {
            return None;
        }
        if passed(fitted_at, every) {
            return Some(FitReason::Scheduled);
        }
        state.drifted.contains_key(key).then_some(FitReason::Drift)
    }

    /// Fits anew the models that are `every` old or whose errors have drifted. They serve from the next issue on; the verdicts are stored. A
    /// model that cannot be fitted leaves the one before in its place.
    pub async fn refit_cycle(&self, now: Timestamp, every: SignedDuration) -> ForecastCycle {
        let mut due = Vec::new();
        for (asset, quantity) in self.default_targets() {
            if let Some(reason) = self.due(&(asset.id.clone(), quantity.clone()), now, every).await {
                due.push((asset, quantity, reason));
            }
        }
        let reasons: BTreeMap<AssetId, FitReason> = due.iter().map(|(asset, _, reason)| (asset.id.clone(), *reason)).collect();
        let targets = due.into_iter().map(|(asset, quantity, _)| (asset, quantity)).collect();
        let reasons = &reasons;
        let fits = self.each(targets, |asset, quantity| async move {
            let reason = reasons.get(&asset.id).copied().unwrap_or(FitReason::Scheduled);
            Ok((None, Some((self.refit(&asset, &quantity, now, reason).await?, reason))))
        });
        fits.await.1
    }

    /// Fits the models of a target anew and lets them serve.
    ///
    /// # Errors
    /// [`PipelineError::NoHistory`], and what [`gate`] refuses; the model before goes on serving.
    pub async fn refit(
        &self,
        asset: &Asset,
        quantity: &Quantity,
        now: Timestamp,
        reason: FitReason,
    ) -> Result<Verdict, PipelineError> {
        let key = (asset.id.clone(), quantity.clone());
        let at = grid_time(now, resolution(asset));
        self.serving.tried(&key, at, false);
        let target = self.target(asset, quantity, at).await?;
        let request = self.request(at, self.options.horizon, Quantile::deciles());
        let served = blocking(asset.id.as_str(), move || Ok(Arc::new(gate(&target, &request)?))).await?;
        let verdict = served.verdict().clone();
        self.serve(&key, served, reason).await;
        self.store.append_table(Table::ForecastScores, scores_batch(&verdict, resolution(asset))?).await?;
        Ok(verdict)
    }
}

/// A watch over a model that was just fitted.
fn fresh_watch(served: &Served) -> Watched {
    Watched::new(shared(served.errors(), served.steps_per_hour()))
}

/// The row of the register.
fn row(served: &Served, reason: FitReason) -> ModelRow {
    let (card, verdict) = (served.card(), served.verdict());
    ModelRow {
        model_id: card.id.clone(),
        asset_id: verdict.asset_id.clone(),
        quantity: verdict.quantity.clone(),
        version: card.version.clone(),
        fitted_at: card.fitted_at,
        trained_from: card.trained_from,
        trained_to: card.trained_to,
        rows: card.rows as u64,
        features: card.features as u64,
        inputs: card.inputs.clone(),
        seed: card.seed,
        model: verdict.model.clone(),
        score: verdict.score,
        best_naive: Some(verdict.best_naive.clone()),
        best_naive_score: verdict.naive_score,
        buckets: serde_json::to_string(&verdict.buckets).unwrap_or_default(),
        reason,
        served: true,
    }
}
