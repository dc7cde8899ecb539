//! Which stretch of time is asked for next.
//!
//! In: now, and that a window was stored. Out: windows, oldest first; a cursor. Not here: asking.

use super::Settings;
use engine::source::Cursor;
use engine::source::SourceError;
use serde::{Deserialize, Serialize};

/// A stretch of time, microseconds UTC; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// First instant.
    pub(super) from: i64,
    /// Last instant.
    pub(super) to: i64,
}

/// What was asked for so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rounds {
    /// Everything up to here was asked for and stored.
    reached: i64,
    /// Polls that were ended.
    polls: u64,
    /// Where the poll that is under way stands, once it looked at anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
}

/// The lengths that matter, microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    window: i64,
    overlap: i64,
    late: i64,
}

impl Lengths {
    pub(super) fn new(settings: &Settings) -> Self {
        let micros = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX / 2_000_000).saturating_mul(1_000_000);
        Self { window: micros(settings.window_s), overlap: micros(settings.overlap_s), late: micros(settings.late_s) }
    }

    /// Asks for less at once after an answer that was too long; at least a second.
    pub(super) fn shorten(&mut self) {
        self.window = (self.window / 2).max(1_000_000);
    }
}

impl Rounds {
    /// Nothing was asked for yet.
    pub(super) fn new(start: i64) -> Self {
        Self { reached: start, polls: 0, at: None }
    }

    /// How far the poll that is due looks back: every fourth four times as far, and so on.
    fn look_back(&self, lengths: Lengths) -> i64 {
        let mut back = lengths.overlap;
        let mut polls = self.polls;
        while polls > 0 && polls.is_multiple_of(4) && back < lengths.late {
            back = back.saturating_mul(4).min(lengths.late);
            polls /= 4;
        }
        back
    }

    /// The next window; `now` is not passed.
    pub(super) fn next(&self, now: i64, lengths: Lengths) -> Window {
        let from = self.at.unwrap_or_else(|| self.reached.saturating_sub(self.look_back(lengths)));
        Window { from: from.min(now), to: from.saturating_add(lengths.window).min(now) }
    }

    /// A window was taken whole; true when the poll is over, because it ended at the `now` it was made with.
    pub(super) fn ended(&mut self, window: Window, now: i64) -> bool {
        self.reached = self.reached.max(window.to);
        let is_over = window.to >= now;
        self.at = (!is_over).then_some(window.to);
        self.polls = self.polls.wrapping_add(u64::from(is_over));
        is_over
    }

    /// The cursor.
    pub(super) fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("numbers are JSON"))
    }

    /// Reads a cursor.
    pub(super) fn read(cursor: &Cursor, place: &str) -> Result<Self, SourceError> {
        serde_json::from_str(&cursor.0).map_err(|error| SourceError::Format {
            place: place.into(),
            problem: format!(
                "the saved place is not one of this source ({error}); remove it, and history is read from start again"
            ),
        })
    }
}
