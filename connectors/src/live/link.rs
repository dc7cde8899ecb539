//! The state of one connection, for its source to write and everybody else to read: phase, counts, lag, skew, the last error, a live tail.
//!
//! In: what the source's task notices. Out: a [`Status`] at any time, lines for who listens. Also the clock: the only one a connector has,
//! handed in by `api`. Not here: alerts on silence, metrics, pages for people.

use engine::domain::AssetId;
use engine::domain::Timestamp;
use engine::domain::from_micros;
use engine::domain::micros;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use tokio::sync::broadcast;

/// Lines kept for a listener that is slow; beyond it lines are left out for that listener.
const TAIL_ROOM: usize = 1024;
/// Over how long the skew is taken, µs: the least delay of a stretch is nearest to the clocks' difference.
const SKEW_WINDOW: i64 = 60_000_000;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not begun.
    Idle,
    /// Reaching for the peer.
    Connecting,
    /// Reading what was missed.
    Backfilling,
    /// Values arrive, or would.
    Live,
    /// The link was lost or refused; it is tried again after a wait.
    Waiting,
    /// Closed on purpose.
    Closed,
}

impl Phase {
    /// The word in JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Backfilling => "backfilling",
            Self::Live => "live",
            Self::Waiting => "waiting",
            Self::Closed => "closed",
        }
    }
}

/// What is known about a connection now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Where it stands.
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
    /// Times the link was made.
    pub connects: u64,
    /// Times it was lost or could not be made.
    pub failures: u64,
    /// Values and events received.
    pub values: u64,
    /// Of these not good.
    pub bad: u64,
    /// What could not be read.
    pub rejects: u64,
    /// When the last value arrived.
    pub last_received: Option<Timestamp>,
    /// Newest time any value carried, by the source's clock.
    pub newest: Option<Timestamp>,
    /// Source clock minus ours in seconds, the least delay of the last minute; positive: theirs is ahead. Within the delay of the line.
    pub skew_s: Option<f64>,
    /// The last error or reject.
    pub last_error: Option<String>,
    /// When it was.
    pub last_error_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    clock: fn() -> Timestamp,
    state: Mutex<State>,
    raised: Mutex<HashMap<(AssetId, String), i64>>,
    tail: broadcast::Sender<Arc<str>>,
}

#[derive(Debug)]
struct State {
    status: Status,
    skew: Skew,
}

/// Largest `source − ours` of the stretch being filled and of the one before.
#[derive(Debug, Default)]
struct Skew {
    began: i64,
    filling: Option<i64>,
    before: Option<i64>,
}

impl Skew {
    fn see(&mut self, ahead: i64, now: i64) {
        if now - self.began > SKEW_WINDOW {
            self.before = self.filling.take();
            self.began = now;
        }
        self.filling = self.filling.max(Some(ahead));
    }
}

/// A handle to one connection's state; clones see the same.
#[derive(Debug, Clone)]
pub struct Link(Arc<Inner>);

impl Link {
    /// A new connection's state. `clock` is the wall's, from `api`.
    pub fn new(name: &str, clock: fn() -> Timestamp) -> Self {
        let status = Status {
            phase: Phase::Idle,
            since: clock(),
            connects: 0,
            failures: 0,
            values: 0,
            bad: 0,
            rejects: 0,
            last_received: None,
            newest: None,
            skew_s: None,
            last_error: None,
            last_error_at: None,
        };
        let state = Mutex::new(State { status, skew: Skew::default() });
        Self(Arc::new(Inner { name: name.into(), clock, state, raised: Mutex::default(), tail: broadcast::channel(TAIL_ROOM).0 }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Name of the connection.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What time it is here.
    pub fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// The same in microseconds.
    pub fn now_micros(&self) -> i64 {
        micros(self.now())
    }

    /// What is known now.
    pub fn status(&self) -> Status {
        self.state().status.clone()
    }

    /// Enters a phase. [`Phase::Live`] after [`Phase::Connecting`] counts a link made.
    pub fn enter(&self, phase: Phase) {
        let now = self.now();
        let mut state = self.state();
        let before = state.status.phase;
        if before == phase {
            return;
        }
        if before == Phase::Connecting && matches!(phase, Phase::Live | Phase::Backfilling) {
            state.status.connects += 1;
        }
        state.status.phase = phase;
        state.status.since = now;
        drop(state);
        self.tell(|| phase.name().into());
    }

    /// The link was lost, or could not be made: enters [`Phase::Waiting`].
    pub fn lost(&self, error: &str) {
        self.enter(Phase::Waiting);
        let now = self.now();
        let mut state = self.state();
        state.status.failures += 1;
        state.status.last_error = Some(error.into());
        state.status.last_error_at = Some(now);
        drop(state);
        tracing::warn!(connection = self.name(), error, "the link is down; it is tried again");
        self.tell(|| format!("lost: {error}"));
    }

    /// Values arrived, or (0) it was said that none do; `newest` is the newest time among them by the source's clock.
    pub fn received(&self, values: u64, bad: u64, newest: Option<i64>) {
        let now = self.now();
        let mut state = self.state();
        state.status.values += values;
        state.status.bad += bad;
        if values > 0 {
            state.status.last_received = Some(now);
        }
        if let Some(newest) = newest {
            state.status.newest = state.status.newest.max(Some(from_micros(newest)));
        }
    }

    /// Difference of the clocks seen on a value that was sent at once: source − ours, µs. Not for history.
    pub fn skewed(&self, ahead: i64) {
        let now = self.now_micros();
        let mut state = self.state();
        state.skew.see(ahead, now);
        let widest = state.skew.filling.max(state.skew.before);
        state.status.skew_s = widest.map(|ahead| ahead as f64 / 1e6);
    }

    /// Something could not be read.
    pub fn rejected(&self, detail: &str) {
        let now = self.now();
        let mut state = self.state();
        state.status.rejects += 1;
        state.status.last_error = Some(detail.into());
        state.status.last_error_at = Some(now);
        drop(state);
        self.tell(|| format!("refused: {detail}"));
    }

    /// A line for the live tail; made only if somebody listens.
    pub fn tell(&self, line: impl FnOnce() -> String) {
        if self.0.tail.receiver_count() > 0 {
            // An error here only says that nobody listens any more.
            drop(self.0.tail.send(line().into()));
        }
    }

    /// Events that an earlier run raised and nobody reset: asset, message, time in µs. Without it an alarm that is still up would be raised anew.
    pub fn remember_raised(&self, raised: impl IntoIterator<Item = (AssetId, String, i64)>) {
        let held = raised.into_iter().map(|(asset, message, time)| ((asset, message), time)).collect();
        *self.0.raised.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = held;
    }

    /// Messages of an asset that an earlier run raised, that still hold, and that begin so.
    pub(crate) fn raised_under(&self, asset: &str, beginning: &str) -> Vec<String> {
        let raised = self.0.raised.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_it = |(known, message): &&(AssetId, String)| known.as_str() == asset && message.starts_with(beginning);
        raised.keys().filter(is_it).map(|(_, message)| message.clone()).collect()
    }

    /// When an earlier run raised it, if that still holds; told once.
    pub(super) fn still_raised(&self, asset: &AssetId, message: &str) -> Option<i64> {
        let mut raised = self.0.raised.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if raised.is_empty() { None } else { raised.remove(&(asset.clone(), message.to_owned())) }
    }

    /// True while somebody listens to the tail.
    pub fn is_watched(&self) -> bool {
        self.0.tail.receiver_count() > 0
    }

    /// Hears the tail from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<str>> {
        self.0.tail.subscribe()
    }
}
