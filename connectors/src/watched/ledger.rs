//! What was read and still lies there, and where the file being read stands: the cursor of a watched directory.
//!
//! In: keys of files. Out: a cursor of bounded length. Not here: moving files.

use super::scan::Stamp;
use engine::source::Cursor;
use engine::source::SourceError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Files remembered that were read and left in place; beyond it the oldest are only known by being older.
pub(super) const ROOM: usize = 4096;

/// How a file that was read to its end came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It held rows.
    Read,
    /// Nothing of it could be used.
    Refused,
}

/// Files that were read to the end and whose rows are stored, or will be before the cursor is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// By key; the time says which is oldest.
    read: BTreeMap<u64, (i64, Outcome)>,
    /// Files changed at or before this time count as read.
    floor: Option<i64>,
}

/// The file being read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    /// Its name.
    pub(super) name: String,
    /// Its key: another size or time is another file.
    pub(super) key: u64,
    /// Cursor within it.
    pub(super) at: String,
    /// Rows taken from it so far.
    pub(super) rows: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<Open>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    floor: Option<i64>,
    /// Key, time, 1 when refused.
    #[serde(default)]
    read: Vec<(u64, i64, u8)>,
}

impl Ledger {
    /// What became of a file, if it was read.
    pub(super) fn outcome(&self, file: &Stamp) -> Option<Outcome> {
        let is_below = self.floor.is_some_and(|floor| file.changed <= floor);
        self.read.get(&file.key()).map(|held| held.1).or(is_below.then_some(Outcome::Read))
    }

    /// Enters a file; true when the oldest had to be let go for it.
    pub(super) fn enter(&mut self, file: &Stamp, outcome: Outcome) -> bool {
        self.read.insert(file.key(), (file.changed, outcome));
        if self.read.len() <= ROOM {
            return false;
        }
        let oldest = self.read.iter().map(|(key, held)| (held.0, *key)).min();
        if let Some((time, key)) = oldest {
            self.read.remove(&key);
            self.floor = self.floor.max(Some(time));
        }
        true
    }

    /// Forgets what lies there no more.
    pub(super) fn keep_only(&mut self, files: &[Stamp]) {
        if !self.read.is_empty() {
            let there: std::collections::BTreeSet<u64> = files.iter().map(Stamp::key).collect();
            self.read.retain(|key, _| there.contains(key));
        }
    }

    /// The cursor.
    pub(super) fn cursor(&self, open: Option<&Open>) -> Cursor {
        let refused = |outcome: Outcome| u8::from(outcome == Outcome::Refused);
        let read = self.read.iter().map(|(key, held)| (*key, held.0, refused(held.1))).collect();
        let written = Written { open: open.cloned(), floor: self.floor, read };
        Cursor(serde_json::to_string(&written).expect("numbers and texts are JSON"))
    }

    /// Reads a cursor.
    pub(super) fn read(cursor: &Cursor, place: &str) -> Result<(Self, Option<Open>), SourceError> {
        let written: Written = serde_json::from_str(&cursor.0).map_err(|error| SourceError::Format {
            place: place.into(),
            problem: format!("the saved place is not one of a directory ({error}); remove it, and all files are read again"),
        })?;
        let outcome = |refused: u8| if refused == 1 { Outcome::Refused } else { Outcome::Read };
        let read = written.read.into_iter().map(|(key, time, refused)| (key, (time, outcome(refused)))).collect();
        Ok((Self { read, floor: written.floor }, written.open))
    }
}
