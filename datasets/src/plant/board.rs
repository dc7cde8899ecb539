//! What the plant shows at this moment: one reading for each signal, and word of every change to all servers.
//!
//! In: pictures from the player. Out: the newest picture, and the stream of them. Not here: how values come about.

use super::fleet::Fleet;
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio::sync::watch;

/// Pictures a slow server may be behind before it misses some.
const BEHIND: usize = 256;

/// What a value is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Good,
    /// The sensor is broken: no value.
    SensorFailed,
    /// The device does not answer: no values.
    CommsLost,
}

/// One value of one signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    /// When it held, microseconds UTC.
    pub(super) time: i64,
    /// In the signal's unit; NaN unless good.
    pub(super) value: f64,
    pub(super) state: State,
}

impl Reading {
    /// The value, if there is one.
    pub(super) fn good(&self) -> Option<f64> {
        (self.state == State::Good && self.value.is_finite()).then_some(self.value)
    }
}

/// All readings of one moment, in the order of the fleet's signals.
pub(super) type Picture = Arc<Vec<Reading>>;

/// What all servers look at.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) fleet: Fleet,
    now: watch::Sender<Picture>,
    news: broadcast::Sender<Picture>,
}

impl Board {
    pub(super) fn new(fleet: Fleet, first: Vec<Reading>) -> Self {
        Self { fleet, now: watch::Sender::new(Arc::new(first)), news: broadcast::Sender::new(BEHIND) }
    }

    pub(super) fn show(&self, readings: Vec<Reading>) {
        let picture = Arc::new(readings);
        self.now.send_replace(picture.clone());
        // Nobody may be listening.
        drop(self.news.send(picture));
    }

    pub(super) fn now(&self) -> Picture {
        self.now.borrow().clone()
    }

    /// Every picture from now on.
    pub(super) fn follow(&self) -> broadcast::Receiver<Picture> {
        self.news.subscribe()
    }
}
