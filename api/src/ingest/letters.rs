//! Dead letters: what arrived at a door and could not be read, kept in the table `dead_letters`, bounded, beside the way of the good rows.
//!
//! In: rejected rows. Out: rows of the table, written together by one task at a time; what is too much is counted and dropped.

use super::Door;
use super::Rejected;
use super::figures::Figures;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::error::ArrowError;
use engine::domain::Table;
use engine::domain::Timestamp;
use engine::domain::micros;
use engine::store::Store;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of the raw text that are kept.
const RAW_BYTES: usize = 4096;
/// Bytes of the story that are kept.
const DETAIL_BYTES: usize = 1024;

#[derive(Debug)]
struct Letter {
    received_at: i64,
    asset_id: Option<String>,
    door: &'static str,
    line: f64,
    reason: &'static str,
    detail: String,
    raw: String,
}

#[derive(Debug, Default)]
struct Tray {
    waiting: Vec<Letter>,
    writing: bool,
    second: i64,
    taken: usize,
    newest: i64,
}

/// Where dead letters wait to be written. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetters {
    tray: Arc<Mutex<Tray>>,
    per_request: usize,
    per_second: usize,
    figures: Figures,
}

impl DeadLetters {
    pub(crate) fn new(per_request: usize, per_second: usize, figures: Figures) -> Self {
        Self { tray: Arc::default(), per_request, per_second, figures }
    }

    /// Keeps the rejected rows of one request, as many as may be kept; they are written soon, the caller does not wait.
    pub(crate) fn keep(&self, store: &Store, door: Door, rejected: &[Rejected], total: usize) {
        if !self.hold(door, rejected, total) {
            return;
        }
        let (letters, store) = (self.clone(), store.clone());
        tokio::spawn(async move { while letters.write(&store).await {} });
    }

    /// Keeps the rejected rows for [`DeadLetters::drain`]. True when there are some and nobody is writing yet.
    pub(crate) fn hold(&self, door: Door, rejected: &[Rejected], total: usize) -> bool {
        !rejected.is_empty() && self.take(door, rejected, total, Timestamp::now())
    }

    /// Writes what waits, now; at the end of the process or of a page.
    pub(crate) async fn drain(&self, store: &Store) {
        self.tray.lock().unwrap_or_else(PoisonError::into_inner).writing = true;
        self.write(store).await;
    }

    /// Puts the letters in the tray. True when nobody is writing yet.
    fn take(&self, door: Door, rejected: &[Rejected], total: usize, now: Timestamp) -> bool {
        let mut tray = self.tray.lock().unwrap_or_else(PoisonError::into_inner);
        if tray.second != now.as_second() {
            (tray.second, tray.taken) = (now.as_second(), 0);
        }
        let room = self.per_second.saturating_sub(tray.taken).min(self.per_request).min(rejected.len());
        self.figures.dropped(total.saturating_sub(room));
        tray.taken += room;
        // A time of its own for each request keeps the same line of two requests apart.
        let received_at = micros(now).max(tray.newest + 1);
        tray.newest = received_at;
        for row in rejected.iter().take(room) {
            self.figures.letter(row.code);
            tray.waiting.push(Letter {
                received_at,
                asset_id: row.asset.clone(),
                door: door.name(),
                line: row.line.unwrap_or(row.index as u64 + 1) as f64,
                reason: row.code,
                detail: clip(&row.detail, DETAIL_BYTES).into(),
                raw: clip(&row.raw, RAW_BYTES).into(),
            });
        }
        !std::mem::replace(&mut tray.writing, true)
    }

    /// Writes what waits; false when there was nothing, and writing has ended.
    async fn write(&self, store: &Store) -> bool {
        let letters = {
            let mut tray = self.tray.lock().unwrap_or_else(PoisonError::into_inner);
            tray.writing = !tray.waiting.is_empty();
            std::mem::take(&mut tray.waiting)
        };
        if letters.is_empty() {
            return false;
        }
        let count = letters.len();
        let written = match batch(&letters) {
            Ok(rows) => store.append_table(Table::DeadLetters, rows).await.map(|_| ()).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(problem) = written {
            self.figures.dropped(count);
            tracing::error!(count, problem, "dead letters were not stored");
        }
        true
    }
}

fn batch(letters: &[Letter]) -> Result<RecordBatch, ArrowError> {
    let text = |value: fn(&Letter) -> Option<&str>| Arc::new(letters.iter().map(value).collect::<StringArray>()) as ArrayRef;
    let times = letters.iter().map(|letter| letter.received_at);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
        text(|letter| letter.asset_id.as_deref()),
        text(|letter| Some(letter.door)),
        Arc::new(Float64Array::from_iter_values(letters.iter().map(|letter| letter.line))),
        text(|letter| Some(letter.reason)),
        text(|letter| Some(&letter.detail)),
        text(|letter| Some(&letter.raw)),
    ];
    RecordBatch::try_new(Arc::new(Table::DeadLetters.base_schema()), columns)
}

/// The beginning of a text, at most `bytes` long, cut between characters.
pub(crate) fn clip(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::{DeadLetters, Door, Figures, Rejected, Timestamp, clip};

    #[test]
    fn letters_are_bounded_per_request_and_per_second() {
        let rejected: Vec<_> = (0..10)
            .map(|index| Rejected { index, line: None, code: "bad_time", detail: "x".into(), asset: None, raw: "é".repeat(5000) })
            .collect();
        let letters = DeadLetters::new(4, 6, Figures::default());
        let now = Timestamp::UNIX_EPOCH;
        assert!(letters.take(Door::Json, &rejected, 10, now), "the first to come writes");
        assert!(!letters.take(Door::Json, &rejected, 10, now));
        let tray = letters.tray.lock().unwrap();
        assert_eq!(tray.waiting.len(), 6);
        assert!(tray.waiting[0].received_at < tray.waiting[5].received_at);
        assert_eq!(tray.waiting[0].raw.len(), 4096);
        assert_eq!(super::batch(&tray.waiting).unwrap().num_rows(), 6);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!((clip("aé", 2), clip("aé", 3), clip("", 3)), ("a", "aé", ""));
    }
}
