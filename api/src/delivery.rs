//! The loop that empties the outbox: after every alert change, when the next retry is due, and at least every half minute.

use crate::state::AppState;
use engine::alert::AlertError;
use engine::alert::Outbox;
use std::time::Duration;

/// Delivers until the state's server stops. Failures of the ledger are logged and tried again.
pub async fn deliver_until_stopped(state: AppState, outbox: Outbox) {
    let mut changes = state.alerts.subscribe();
    loop {
        let wait = match round(&state, &outbox).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "the outbox could not be read");
                LONGEST_WAIT
            }
        };
        tokio::select! {
            () = state.stopping.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            // A change or a lag: either way there may be something to send. The book outlives this loop, so it never closes.
            _ = changes.recv() => {}
        }
    }
}

const LONGEST_WAIT: Duration = Duration::from_secs(30);
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// One round; how long to wait for the next. Messages are due by the wall clock of the site, like the alerts they tell of.
async fn round(state: &AppState, outbox: &Outbox) -> Result<Duration, AlertError> {
    let now = state.now();
    let done = outbox.deliver_due(now, rand::random::<f64>).await?;
    state.metrics.delivered(done);
    let next = outbox.next_due().await?;
    Ok(next.map_or(LONGEST_WAIT, |due| {
        Duration::try_from(due.duration_since(state.now())).unwrap_or(SHORTEST_WAIT).clamp(SHORTEST_WAIT, LONGEST_WAIT)
    }))
}
