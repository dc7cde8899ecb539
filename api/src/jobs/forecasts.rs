//! When forecasts are made: one round an hour, after a start those that were missed, refits when they are due.
//!
//! The current forecast comes first: issues that were missed, newest first, and refits fill the time until the next round. Missed issues come
//! before refits, because only a model that was there then may make them.

use super::Clock;
use super::Schedule;
use super::next_round;
use crate::state::AppState;
use engine::domain::Timestamp;
use engine::pipeline::ForecastCycle;
use engine::pipeline::Missed;
use engine::pipeline::Pipeline;
use std::collections::VecDeque;
use std::time::Instant;

pub(super) async fn run(state: AppState, pipeline: Pipeline, clock: Clock, schedule: Schedule, looking_back: Vec<Timestamp>) {
    for at in looking_back {
        hear(&state, pipeline.forecast_cycle(at).await);
    }
    let slot = |time: Timestamp| time.as_second().div_euclid(schedule.forecast_every.as_secs().max(1));
    let mut missed: VecDeque<Missed> = VecDeque::new();
    let mut before: Option<Timestamp> = None;
    loop {
        let now = clock.now();
        let began = Instant::now();
        let cycle = pipeline.forecast_cycle(now).await;
        state.metrics.forecasts.refreshed(began.elapsed());
        state.metrics.forecasts.noted(&cycle.issued);
        hear(&state, cycle);
        match pipeline.verify(now).await {
            Ok(settled) => {
                settled.failures.iter().for_each(|(asset, error)| tracing::warn!(%asset, %error, "forecasts not verified"))
            }
            Err(error) => tracing::error!(%error, "forecasts could not be verified; the next round tries again"),
        }
        // After a start, and after the machine has slept.
        if before.is_none_or(|before| slot(now) > slot(before) + 1) {
            match pipeline.missed(now, schedule.forecast_every, schedule.make_up).await {
                Ok(found) => missed = found.into(),
                Err(error) => tracing::error!(%error, "forecasts that were missed cannot be made up"),
            }
        }
        before = Some(now);
        let due = || state.stopping.is_cancelled() || slot(clock.now()) > slot(now);
        while let Some(next) = if due() { None } else { missed.pop_front() } {
            let at = next.at;
            let cycle = pipeline.make_up(next).await;
            tracing::info!(%at, forecasts = cycle.issued.len(), "made up for a missed issue");
            state.metrics.forecasts.made_up(cycle.issued.len());
            hear(&state, cycle);
        }
        if missed.is_empty() && !state.stopping.is_cancelled() {
            hear(&state, pipeline.refit_cycle(now, schedule.refit_every).await);
        }
        if !next_round(&state, &clock, schedule.forecast_every).await {
            return;
        }
    }
}

/// What a cycle did: told to listeners, the log and the counters.
fn hear(state: &AppState, cycle: ForecastCycle) {
    for forecast in cycle.issued {
        for note in &forecast.notes {
            tracing::warn!(asset = %forecast.asset_id, quantity = %forecast.quantity, note = note.code.name(), "{}", note.text());
        }
        state.metrics.forecasts.issued(&forecast);
        state.forecast_stored(forecast.asset_id, forecast.quantity, forecast.issue_time);
    }
    for (verdict, reason) in &cycle.verdicts {
        state.metrics.forecasts.fitted(*reason);
        tracing::info!(asset = %verdict.asset_id, quantity = %verdict.quantity, reason = reason.name(), model = verdict.model, best_naive = verdict.best_naive, skill = verdict.skill(), "model chosen");
    }
    for (asset, error) in cycle.failures {
        state.metrics.forecasts.failed();
        tracing::warn!(%asset, %error, "no forecast, or no new model");
    }
}
