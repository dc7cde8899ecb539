//! What a point said last, so that only news is handed on: values always, reasons when they change, events when they begin and end.
//!
//! In: what a poll read. Out: samples, changes and rejects of that poll. Not here: reading.

use super::wire::Trouble;
use crate::live::{Notice, Piece, Sample};
use engine::source::Reject;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

/// A lasting reason is said again after this, µs, so that every hour of it shows.
const REPEAT: i64 = 60_000_000;

/// Reasons of a device that is not reached: saying them again would look as if it were.
const UNREACHED: [&str; 4] = ["comms_lost", "no_response", "gateway_path_unavailable", "gateway_no_response"];

/// Something looked for, or none there, or trouble with the connection.
pub(super) type Found<T> = Result<Option<T>, Trouble>;

/// An event that began or ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// Index into the points.
    pub(super) point: u32,
    /// Its message; `None`: the point's own.
    pub(super) message: Option<String>,
    /// When, µs.
    pub(super) time: i64,
    /// True when it begins.
    pub(super) is_active: bool,
}

/// What a poll brings.
#[derive(Debug, Default)]
pub(super) struct Out {
    /// Values and reasons.
    pub(super) samples: Vec<Sample>,
    /// Events.
    pub(super) changes: Vec<Change>,
    /// What needs a person.
    pub(super) rejects: Vec<Reject>,
}

impl Out {
    /// Hands everything on. False when nobody takes it any more.
    pub(super) async fn send(&mut self, to: &Sender<Piece<Change>>) -> bool {
        let mut pieces: Vec<Piece<Change>> = self.rejects.drain(..).map(Piece::Reject).collect();
        if !self.samples.is_empty() {
            pieces.push(Piece::Samples(std::mem::take(&mut self.samples)));
        }
        for change in self.changes.drain(..) {
            let Change { point, message, time, is_active } = change.clone();
            pieces.push(Piece::Notice(Notice { point, time: Some(time), message, is_active }));
            pieces.push(Piece::Mark(change));
        }
        for piece in pieces {
            if to.send(piece).await.is_err() {
                return false;
            }
        }
        true
    }
}

/// One point's last word.
#[derive(Debug)]
pub(super) struct Said {
    point: u32,
    reason: Option<(&'static str, i64)>,
    is_told: bool,
    bits: Option<u64>,
    active: Vec<Option<String>>,
}

impl Said {
    /// Nothing yet.
    pub(super) const fn new(point: u32) -> Self {
        Self { point, reason: None, is_told: false, bits: None, active: Vec::new() }
    }

    /// The point it is about.
    pub(super) const fn point(&self) -> u32 {
        self.point
    }

    /// An event was active when we last ran.
    pub(super) fn was_active(&mut self, message: Option<String>) {
        self.active.push(message);
    }

    /// A good value.
    pub(super) fn value(&mut self, tick: i64, value: f64, out: &mut Out) {
        (self.reason, self.is_told) = (None, false);
        out.samples.push(Sample::good(self.point, Some(tick), value));
    }

    /// No value, and why.
    pub(super) fn missing(&mut self, tick: i64, reason: &'static str, out: &mut Out) {
        // A connection that is tried again, in vain, is not news.
        let is_lost = reason == "no_response" && self.reason.is_some_and(|(held, _)| held == "comms_lost");
        let is_lasting = !UNREACHED.contains(&reason) && self.reason.is_some_and(|(_, since)| tick - since >= REPEAT);
        if is_lost || (self.reason.is_some_and(|(held, _)| held == reason) && !is_lasting) {
            return;
        }
        self.reason = Some((reason, tick));
        out.samples.push(Sample::missing(self.point, Some(tick), reason));
    }

    /// No value because something is wrong that a person must put right; told once until it is good again.
    pub(super) fn wrong(&mut self, tick: i64, reason: &'static str, out: &mut Out, detail: impl FnOnce() -> String) {
        self.missing(tick, reason, out);
        if !std::mem::replace(&mut self.is_told, true) {
            out.rejects.push(Reject { line: None, reason, detail: detail(), raw: String::new() });
        }
    }

    /// The bits of an event.
    pub(super) fn event(&mut self, tick: i64, bits: u64, messages: impl FnOnce(u64) -> Vec<Option<String>>, out: &mut Out) {
        (self.reason, self.is_told) = (None, false);
        if self.bits.replace(bits) == Some(bits) {
            return;
        }
        let now = messages(bits);
        let change =
            |message: &Option<String>, is_active| Change { point: self.point, message: message.clone(), time: tick, is_active };
        out.changes.extend(self.active.iter().filter(|message| !now.contains(message)).map(|message| change(message, false)));
        out.changes.extend(now.iter().filter(|message| !self.active.contains(message)).map(|message| change(message, true)));
        self.active = now;
    }
}
