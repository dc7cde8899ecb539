//! The one door for live telemetry: every way in ends here; bounded, stored durably, counted, and told to whoever listens.
//!
//! In: bodies of requests, or checked readings of the demo's fleet. Out: the store's receipt. `room` bounds the bytes on their way
//! in, `body` reads and unpacks, `json`, `csv` and `ipc` make readings of rows, `letters` keeps what could not be read. Line protocol is
//! read in `connectors`; `influx` fetches the history of an InfluxDB. Nothing queues without a bound: who finds no room is told to come again.

pub(crate) mod body;
pub(crate) mod csv;
pub(crate) mod figures;
pub(crate) mod influx;
pub(crate) mod ipc;
pub(crate) mod json;
pub(crate) mod letters;
pub(crate) mod lines;
pub(crate) mod pages;
pub(crate) mod room;
pub(crate) mod rows;
pub(crate) mod units;

use crate::config::Config;
use crate::hub::Event;
use crate::state::AppState;
use engine::domain::AssetKind;
use engine::domain::Readings;
use engine::source::Reject;
use engine::store::{Receipt, Store, StoreError};
use figures::Figures;
use letters::DeadLetters;
use room::Room;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Rejected rows of one request that are told in full; all are counted.
pub(crate) const MOST_REJECTED: usize = 1000;

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Json,
    Ndjson,
    Csv,
    Arrow,
    Lines,
    Import,
    Influx,
    Connection,
    Demo,
}

impl Door {
    /// Name in metrics and dead letters.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Arrow => "arrow",
            Self::Lines => "line_protocol",
            Self::Import => "import",
            Self::Influx => "influx",
            Self::Connection => "connection",
            Self::Demo => "demo",
        }
    }
}

/// A row that was not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// Place among the rows, from 0.
    pub(crate) index: usize,
    /// Line of the body, from 1, where it has lines.
    pub(crate) line: Option<u64>,
    /// Stable word.
    pub(crate) code: &'static str,
    /// The story and the remedy.
    pub(crate) detail: String,
    /// Whose, where that could be read.
    pub(crate) asset: Option<String>,
    /// As it came.
    pub(crate) raw: String,
}

impl Rejected {
    /// A line that a connector refused.
    pub(crate) fn of_source(index: usize, reject: Reject) -> Self {
        Self { index, line: reject.line, code: reject.reason, detail: reject.detail, asset: None, raw: reject.raw }
    }
}

/// What a body held.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    /// Good rows; of one kind in the order of the body.
    pub(crate) readings: Vec<Readings>,
    /// Rows of the body.
    pub(crate) rows: usize,
    /// The others, at most [`MOST_REJECTED`].
    pub(crate) rejected: Vec<Rejected>,
    /// How many others.
    pub(crate) rejected_total: usize,
}

impl Decoded {
    /// Counts a row that was not taken, and keeps its story while there are few.
    pub(crate) fn reject(&mut self, story: impl FnOnce() -> Rejected) {
        self.rejected_total += 1;
        if self.rejected.len() < MOST_REJECTED {
            self.rejected.push(story());
        }
    }

    /// Bytes the good rows take in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.readings.iter().map(|readings| readings.batch().get_array_memory_size()).sum()
    }
}

/// The bounds of all doors together. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Ingest {
    room: Room,
    /// Bodies that are being read to rows at the same time; as many as there are cores.
    turns: Arc<Semaphore>,
    body_limit: usize,
    body_time: Duration,
    /// What is counted.
    pub(crate) figures: Figures,
    /// What could not be read.
    pub(crate) letters: DeadLetters,
}

impl Ingest {
    pub(crate) fn new(config: &Config, figures: Figures) -> Self {
        let own = &config.ingest;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            room: Room::new(own.in_flight_mib, Duration::from_millis(own.wait_ms), figures.clone()),
            turns: Arc::new(Semaphore::new(cores)),
            body_limit: config.limits.readings_body_mib.saturating_mul(1 << 20),
            body_time: Duration::from_secs(own.body_seconds),
            letters: DeadLetters::new(own.dead_letters_per_request, own.dead_letters_per_second, figures.clone()),
            figures,
        }
    }

    /// Largest body, bytes, after unpacking.
    pub(crate) const fn body_limit(&self) -> usize {
        self.body_limit
    }

    /// Brings the gauges up to date.
    pub(crate) fn refresh(&self) {
        self.figures.in_flight(self.room.in_flight());
    }
}

/// Takes live telemetry; durable on return and visible to the next query. Readings of one kind are stored in their order, kinds
/// side by side, so that they may share a group of the log.
///
/// # Errors
/// [`StoreError`]; the same rows may be sent again.
pub(crate) async fn store(state: &AppState, door: Door, readings: Vec<Readings>) -> Result<Receipt, StoreError> {
    let mut kinds: BTreeMap<AssetKind, Vec<Readings>> = BTreeMap::new();
    for part in readings {
        kinds.entry(part.kind()).or_default().push(part);
    }
    let receipts = futures::future::join_all(kinds.into_values().map(|parts| in_order(&state.store, parts))).await;
    let mut whole = Receipt::default();
    let mut failed = None;
    for receipt in receipts {
        match receipt {
            Ok(receipt) => add(&mut whole, receipt),
            Err(error) => failed = Some(error),
        }
    }
    let taken = whole.inserted + whole.changed;
    state.metrics.readings(taken, 0);
    state.ingest.figures.rows(door, taken, whole.unchanged, 0);
    if taken > 0 {
        state.hub.publish(Event::Telemetry { now: state.now() });
    }
    match failed {
        Some(error) => {
            if matches!(error, StoreError::Busy { .. }) {
                state.ingest.figures.refused("store_busy");
            }
            Err(error)
        }
        None => Ok(whole),
    }
}

/// Counts and keeps what could not be read.
pub(crate) fn reject(state: &AppState, door: Door, rejected: &[Rejected], total: usize) {
    state.metrics.readings(0, total);
    state.ingest.figures.rows(door, 0, 0, total);
    state.ingest.letters.keep(&state.store, door, rejected, total);
}

async fn in_order(store: &Store, parts: Vec<Readings>) -> Result<Receipt, StoreError> {
    let mut whole = Receipt::default();
    for part in parts {
        add(&mut whole, store.append(part).await?);
    }
    Ok(whole)
}

pub(crate) fn add(whole: &mut Receipt, part: Receipt) {
    whole.rows += part.rows;
    whole.inserted += part.inserted;
    whole.changed += part.changed;
    whole.unchanged += part.unchanged;
}
