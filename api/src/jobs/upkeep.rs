//! The store's housekeeping: rows leave memory within minutes, and once a day what is beyond its retention goes, then its files.
//!
//! In: the configuration's `[retention]`. Out: lines in the log and counters. Retention goes by site time, files by the wall's.

use super::Clock;
use crate::state::AppState;
use engine::domain::Timestamp;
use jiff::SignedDuration;
use std::time::Duration;

/// How long rows may wait in memory and log before they go to files.
const FLUSH_EVERY: Duration = Duration::from_secs(300);
/// Rounds of [`FLUSH_EVERY`] between two cleanings: a day. The first is ten minutes after the start.
const ROUNDS: u64 = 288;
const FIRST: u64 = 2;
/// Files that left their tables within this time stay: programs outside may be reading them.
pub(crate) const KEEP: SignedDuration = SignedDuration::from_hours(1);

/// Keeps house until the server stops.
pub(super) async fn run(state: AppState, clock: Clock) {
    for round in 1_u64.. {
        tokio::select! {
            () = state.stopping.cancelled() => return,
            () = tokio::time::sleep(FLUSH_EVERY) => {}
        }
        if state.store.stats().log_files > 0
            && let Err(error) = state.store.flush().await
        {
            tracing::error!(%error, "rows could not be moved to files; they are safe in the log");
        }
        if round % ROUNDS == FIRST {
            retain(&state, clock.now()).await;
            vacuum(&state, Timestamp::now()).await;
        }
    }
}

async fn retain(state: &AppState, now: Timestamp) {
    let cuts = match state.config.retention_cuts(now) {
        Ok(cuts) => cuts,
        Err(error) => return tracing::error!(%error, "nothing is cut"),
    };
    for (table, before) in cuts {
        match state.store.retain(table, before).await {
            Ok(gone) if gone.files > 0 => {
                state.metrics.retained(gone.rows);
                tracing::info!(%table, %before, rows = gone.rows, files = gone.files, "rows beyond the retention are gone");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%table, %before, %error, "retention failed; the next try is in a day"),
        }
    }
}

async fn vacuum(state: &AppState, now: Timestamp) {
    match state.store.vacuum(now.saturating_sub(KEEP).unwrap_or(Timestamp::MIN)).await {
        Ok(gone) => {
            state.metrics.vacuumed(gone.files, gone.bytes);
            tracing::info!(files = gone.files, bytes = gone.bytes, "files no table needs are gone");
        }
        Err(error) => tracing::error!(%error, "old files could not be removed; the next try is in a day"),
    }
}
