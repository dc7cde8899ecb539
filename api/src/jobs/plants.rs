//! Runs the live connections while the server runs: pages in, rows stored, cursors saved, silence told.
//!
//! Asking a source for its next page tells it that the last one is stored, so after a page that could not be stored the source is dropped
//! and opened again from the saved cursor: what the peer can say again, it says again. Time is the wall's: plants carry it.

use super::back_off;
use crate::hub::Event;
use crate::ingest::pages::{PullError, Shelf, Stored};
use crate::ingest::{self, Door, MOST_REJECTED, Rejected};
use crate::plants::Plant;
use crate::state::AppState;
use connectors::live::Phase;
use engine::alert::LINK_SILENT;
use engine::detect::Incident;
use engine::domain::{Asset, AssetId, TimeRange, Timestamp, micros};
use engine::source::{Source, SourceError};
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;

/// How long a source may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(3);
/// How far back an event is looked for that was raised and not reset.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(400 * 24);
/// How far ahead of our clock an event may be.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);
/// How long a connection rests that a person must see to: what is wrong may be mended at the other end.
const REFUSED: Duration = Duration::from_secs(300);
/// How often silence is looked for, at most.
const LOOK: Duration = Duration::from_secs(10);

/// Starts one job per connection, and one that listens for its silence.
pub(super) fn start(state: &AppState) {
    for plant in state.plants.iter() {
        tokio::spawn(run(state.clone(), plant.clone()));
        if plant.config.silence_s() > 0 {
            tokio::spawn(listen(state.clone(), plant.clone()));
        }
    }
}

async fn run(state: AppState, plant: Arc<Plant>) {
    let mut failures = 0;
    loop {
        let before = plant.stored();
        let Err(error) = pages(&state, &plant).await else { return };
        if plant.stored() > before {
            failures = 0;
        }
        failures += 1;
        plant.link.lost(&error.to_string());
        let mut wait = back_off(failures);
        if let PullError::Source(SourceError::Mapping { .. }) = error {
            plant.stop(&error.to_string());
            tracing::error!(connection = plant.config.name, %error, "the connection is refused; it is tried again in some minutes");
            wait = REFUSED;
        }
        tokio::select! {
            () = state.stopping.cancelled() => return,
            () = tokio::time::sleep(wait) => plant.go_on(),
        }
    }
}

/// Reads until the server stops.
async fn pages(state: &AppState, plant: &Plant) -> Result<(), PullError> {
    let key = format!("connection {}", plant.config.name);
    let mut shelf = Shelf::open(&state.store, &state.ledger, key).await?;
    plant.link.remember_raised(still_raised(state, plant).await?);
    let mut source: Box<dyn Source> = plant.config.from.protocol().open(plant.points.clone(), plant.link.clone())?;
    loop {
        let page = tokio::select! {
            biased;
            () = state.stopping.cancelled() => {
                // What was stored is acknowledged; a peer that does not listen any more learns it at the next start.
                drop(tokio::time::timeout(GOODBYE, source.close()).await);
                plant.link.enter(Phase::Closed);
                return Ok(());
            }
            page = source.next_page(shelf.cursor()) => page?,
        };
        let stored = shelf.put(page, plant.points.declared()).await?;
        tell(state, plant, &stored)?;
    }
}

/// Events of its assets that were raised and not reset.
async fn still_raised(state: &AppState, plant: &Plant) -> Result<Vec<(AssetId, String, i64)>, PullError> {
    let assets: Vec<AssetId> = plant.points.assets().iter().map(|asset| asset.id.clone()).collect();
    // An older one that was never reset would be raised anew; logs of many years are not read for it.
    let now = Timestamp::now();
    let range = TimeRange::new(now.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN), now.saturating_add(AHEAD).unwrap_or(now));
    let lines = state.store.events(Some(&assets), range.ok()).await?;
    let raised = lines.into_iter().filter(|line| line.reset_at.is_none());
    Ok(raised.map(|line| (line.asset_id, line.message, micros(line.time))).collect())
}

/// Counts a page, keeps what could not be read, and tells listeners.
fn tell(state: &AppState, plant: &Plant, page: &Stored) -> Result<(), PullError> {
    if page.is_declared {
        state.lines.renew(&state.store.quantities())?;
    }
    let taken = page.receipt.inserted + page.receipt.changed;
    plant.add_stored(taken as u64);
    state.metrics.readings(taken, 0);
    state.ingest.figures.rows(Door::Connection, taken, page.receipt.unchanged, 0);
    if !page.rejects.is_empty() {
        let first = page.rejects.iter().take(MOST_REJECTED).cloned().enumerate();
        let rejected: Vec<Rejected> = first.map(|(index, reject)| Rejected::of_source(index, reject)).collect();
        ingest::reject(state, Door::Connection, &rejected, page.rejects.len());
    }
    if taken > 0 {
        state.hub.publish(Event::Telemetry { now: state.now() });
    }
    Ok(())
}

/// Raises one alert when nothing has arrived for too long, and ends it when something does.
async fn listen(state: AppState, plant: Arc<Plant>) {
    let longest = SignedDuration::from_secs(i64::try_from(plant.config.silence_s()).unwrap_or(i64::MAX));
    let pause = Duration::from_secs(plant.config.silence_s()).div_f64(10.0).clamp(Duration::from_millis(100), LOOK);
    let started = Timestamp::now();
    let mut silent_since = None;
    let mut is_adopted = false;
    let mut is_warned = false;
    loop {
        tokio::select! {
            () = state.stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        // Its asset is registered with the first page, perhaps in an earlier run.
        let Some(asset) = plant.asset(|id| state.store.asset(id)) else {
            if !is_warned && Timestamp::now().duration_since(started) >= longest {
                is_warned = true;
                let connection = &plant.config.name;
                tracing::warn!(
                    connection,
                    "nothing came, and no asset is known that an alert could be about; set `asset` in [[connection]]"
                );
            }
            continue;
        };
        if !is_adopted {
            silent_since = open_since(&state, &plant, &asset).await;
            is_adopted = true;
        }
        let heard = plant.link.status().last_received;
        let last = heard.unwrap_or(started);
        let now = Timestamp::now();
        let is_silent = now.duration_since(last) >= longest;
        plant.set_silent(is_silent);
        let told = match (silent_since, is_silent) {
            (None, true) => Some((now, None)),
            // Before the first value of this run nobody knows that it is over.
            (Some(opened), false) if heard.is_some() => Some((opened, Some(now))),
            _ => None,
        };
        let Some((opened, closed)) = told else { continue };
        if raise(&state, &plant, &asset, (last, opened, closed)).await {
            silent_since = closed.is_none().then_some(opened);
        }
    }
}

/// The silence that an earlier run told of and nobody ended.
async fn open_since(state: &AppState, plant: &Plant, asset: &Asset) -> Option<Timestamp> {
    let is_ours = |known: &AssetId, component: &str| *known == asset.id && component == plant.config.name;
    match state.alerts.open_of_mode(LINK_SILENT).await {
        Ok(open) => open.into_iter().find(|one| is_ours(&one.asset_id, &one.component)).map(|one| one.opened_at),
        Err(error) => {
            tracing::error!(%error, "open alerts could not be read");
            None
        }
    }
}

/// The part that is silent is the connection: several may be about one asset.
async fn raise(
    state: &AppState,
    plant: &Plant,
    asset: &Asset,
    (last, opened, closed): (Timestamp, Timestamp, Option<Timestamp>),
) -> bool {
    let mut incident = Incident::new(asset.id.clone(), &plant.config.name, LINK_SILENT, last.min(opened), opened);
    incident.closed_at = closed;
    incident.detector = "connection";
    match state.alerts.raise(&incident, asset, Timestamp::now()).await {
        Ok(_) => true,
        Err(error) => {
            tracing::error!(%error, asset = %asset.id, "the alert could not be kept; it is tried again");
            false
        }
    }
}
