//! Looks for new points in each InfluxDB whose `[influx.read]` says how often, while the server runs.
//!
//! Goes on where the last look ended, also after a restart. A look that fails is tried again, later each time; a busy store is waited
//! for. Time is the wall's: points of an InfluxDB carry it.

use super::back_off;
use crate::config::{InfluxConfig, InfluxRead};
use crate::hub::Event;
use crate::ingest::influx::Pull;
use crate::ingest::pages::{PullError, Stored};
use crate::ingest::{self, Door, MOST_REJECTED, Rejected};
use crate::state::AppState;
use engine::domain::Timestamp;
use engine::domain::parse_duration;
use std::time::Duration;

/// Starts one job per connection that is read.
pub(super) fn start(state: &AppState) {
    for connection in &state.config.influx {
        let Some(read) = &connection.read else { continue };
        let every = read.every.as_ref().and_then(|every| parse_duration(every).ok());
        if let Some(every) = every.and_then(|every| Duration::try_from(every).ok()) {
            tokio::spawn(run(state.clone(), connection.clone(), read.clone(), every));
        }
    }
}

async fn run(state: AppState, connection: InfluxConfig, read: InfluxRead, every: Duration) {
    let mut failures = 0;
    loop {
        let looked = tokio::select! {
            () = state.stopping.cancelled() => return,
            looked = look(&state, &connection, &read) => looked,
        };
        let wait = match looked {
            Ok(()) => {
                failures = 0;
                every
            }
            Err(error) => {
                failures += 1;
                state.metrics.influx.failed_read(&connection.name);
                let wait = back_off(failures);
                tracing::warn!(influx = connection.name, %error, ?wait, "history could not be read; it is tried again");
                wait
            }
        };
        tokio::select! {
            () = state.stopping.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Reads everything up to now.
async fn look(state: &AppState, connection: &InfluxConfig, read: &InfluxRead) -> Result<(), PullError> {
    let plan = state.lines.get();
    let stop = read.settled(Timestamp::now());
    let Some(mut pull) = Pull::open(connection, read, &plan, (&state.store, &state.ledger), stop).await? else { return Ok(()) };
    loop {
        let page = pull.step().await?;
        if page.is_declared {
            state.lines.renew(&state.store.quantities())?;
        }
        tell(state, &page);
        if page.done {
            return Ok(());
        }
    }
}

/// Counts a page, keeps what could not be read, and tells listeners.
fn tell(state: &AppState, page: &Stored) {
    let taken = page.receipt.inserted + page.receipt.changed;
    state.metrics.readings(taken, 0);
    state.ingest.figures.rows(Door::Influx, taken, page.receipt.unchanged, 0);
    let first = page.rejects.iter().take(MOST_REJECTED).cloned().enumerate();
    let rejected: Vec<Rejected> = first.map(|(index, reject)| Rejected::of_source(index, reject)).collect();
    ingest::reject(state, Door::Influx, &rejected, page.rejects.len());
    if taken > 0 {
        state.hub.publish(Event::Telemetry { now: state.now() });
    }
}
